"""What a worker does, one operation a file."""
