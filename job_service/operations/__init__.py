"""One file per thing job_service does for a client, a scheduler or a worker."""
