"""Claims due jobs from job_service, holds them in a timer wheel, publishes them to Kafka. No
database."""
