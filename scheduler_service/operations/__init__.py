"""What the scheduler does, one operation a file."""
