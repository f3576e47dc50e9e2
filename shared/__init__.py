"""What crosses a process border, or must be said the same way in every process. Nothing else."""
