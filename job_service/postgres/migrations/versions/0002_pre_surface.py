"""The surface: declared job types that can be paused, deletion, the event feed.

`pre`: runs before the new code is deployed; the code before it goes on working.
"""

import re

from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None

TYPES = """
ALTER TABLE job_types ADD COLUMN payload_schema jsonb;
ALTER TABLE job_types ADD COLUMN paused_at timestamptz;
"""

# What a claim or a lease must leave alone. It looks after it has got the lock that a pause holds alone, so it
# has seen every pause that is committed; and it keeps the lock, so no pause commits before its caller does.
PAUSED = """
CREATE FUNCTION paused_types() RETURNS text[] LANGUAGE plpgsql VOLATILE AS $$
BEGIN
    PERFORM pg_advisory_xact_lock_shared(1885435251);
    RETURN ARRAY (SELECT name FROM job_types WHERE paused_at IS NOT NULL);
END $$;
"""

# A deleted job leaves its history and executions; this row says that it was deleted and not lost.
DELETION = """
ALTER TABLE jobs ADD COLUMN rerun_of uuid;
CREATE TABLE deleted_jobs (
    job_id     uuid PRIMARY KEY,
    status     text NOT NULL,
    version    integer NOT NULL,
    deleted_at timestamptz NOT NULL
);
CREATE INDEX deleted_jobs_age ON deleted_jobs (deleted_at);
"""

# The feed follows the transaction that wrote a row: what is below the oldest running transaction is complete,
# and rows after a cursor of (xid, job_id, version) can be read without losing one that commits late. Rows from
# before this migration have none and are not fed. It begins at the oldest transaction that runs: one that has
# its id already may write its history only when this migration is done.
FEED = """
ALTER TABLE job_history ADD COLUMN xid xid8;
ALTER TABLE job_history ALTER COLUMN xid SET DEFAULT pg_current_xact_id();
CREATE INDEX job_history_feed ON job_history (xid, job_id, version);
CREATE TABLE event_feed (                -- one row: how far the feed was acknowledged, and who carries it
    the_one  boolean PRIMARY KEY DEFAULT true CHECK (the_one),
    xid      xid8 NOT NULL,
    job_id   uuid NOT NULL,
    version  integer NOT NULL,
    cluster  text NOT NULL,              -- whose transaction ids these are: system and timeline (ADR 0010)
    node     uuid,
    asked_at timestamptz NOT NULL DEFAULT clock_timestamp() -- when the carrier asked last
) WITH (fillfactor = 50);
INSERT INTO event_feed (xid, job_id, version, cluster)
SELECT pg_snapshot_xmin(pg_current_snapshot()), '00000000-0000-0000-0000-000000000000', 0,
       system_identifier || '/' || substr(pg_walfile_name(pg_current_wal_lsn()), 1, 8)
FROM pg_control_system();
"""

# A list of the FAILED or the SCHEDULED ones must not walk through all that is CREATED. Nothing but lists reads
# the column, so rows that older code arms with the default are only missing in a list.
LISTS = """
ALTER TABLE due ADD COLUMN status text NOT NULL DEFAULT 'CREATED';
UPDATE due AS d SET status = j.status FROM jobs AS j WHERE j.id = d.job_id AND j.status <> 'CREATED';
CREATE INDEX due_again ON due (status, job_id) WHERE status <> 'CREATED';
"""


def upgrade() -> None:
    """Make the changes. The driver takes one statement at a time."""
    for script in (TYPES, PAUSED, DELETION, FEED, LISTS):
        for statement in re.split(r";\s*\n(?=CREATE|ALTER|INSERT|UPDATE|--)", script):
            op.execute(statement)
