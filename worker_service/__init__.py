"""worker_service (8082): leases attempts, runs their handlers, reports. It has no database."""
