"""The way of an attempt before its lease, kept with its execution; narrow tables that nobody shortens.

`pre`: runs before the new code is deployed; what older code writes has no such moments.
"""

from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None

WAY = """
ALTER TABLE executions
    ADD COLUMN claimed_at   timestamptz, -- when the scheduler had the claim, by its bound of this clock
    ADD COLUMN published_at timestamptz, -- when it sent the record, by the same
    ADD COLUMN received_at  timestamptz  -- when the worker had read the record, by its bound of this clock
"""

# Vacuum gives the empty end of a table back under a lock that nobody shares: a claim or a lease waits for it.
# These tables empty and fill all the time, and their end is used again at once.
KEEP_THE_END = (
    "due",
    "inflight",
    "in_line",
    "ordering_keys",
    "job_count_deltas",
    "unsuccessful",
    "expiring",
)


def upgrade() -> None:
    """Make the changes: without a default no row is written anew."""
    op.execute(WAY)
    for table in KEEP_THE_END:
        op.execute(f"ALTER TABLE {table} SET (vacuum_truncate = off)")
