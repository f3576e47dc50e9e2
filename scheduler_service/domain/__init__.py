"""Pure: when a job is published, where to, and what a claim acknowledges."""
