"""What is decided without I/O: the life of a job, priorities, ids by day."""
