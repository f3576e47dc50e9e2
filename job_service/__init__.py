"""The only owner of PostgreSQL: jobs, their state machine, nodes, and the duties on that data."""
