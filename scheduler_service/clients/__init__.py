"""What the scheduler asks of job_service."""
