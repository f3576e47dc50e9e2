"""Dead letters by type and by reason, bulk actions over them, and workers that are asked to drain.

`pre`: runs before the new code is deployed; the code before it goes on working. What that code settles as FAILED
meanwhile has neither type nor reason in its narrow row: a list that asks for one of them does not show it.
"""

import re

from alembic import op

revision = "0008"
down_revision = "0006"
branch_labels = None
depends_on = None

LETTERS = """
ALTER TABLE unsuccessful ADD COLUMN job_type text, ADD COLUMN reason text;
UPDATE unsuccessful AS u
SET job_type = j.job_type,
    reason = (SELECT h.reason FROM job_history AS h
              WHERE h.job_id = u.job_id AND h.to_status = 'FAILED' AND h.from_status <> 'FAILED'
              ORDER BY h.version DESC LIMIT 1)
FROM jobs AS j WHERE j.id = u.job_id AND u.status = 'FAILED';
CREATE INDEX unsuccessful_type ON unsuccessful (job_type, job_id) WHERE status = 'FAILED';
CREATE INDEX unsuccessful_reason ON unsuccessful (reason, job_id) WHERE status = 'FAILED'
"""

# One row for each action, one for each job that matched when it began (ADR 0013). The rows of an action are
# changed only by who holds its own row locked.
BULK = """
CREATE TABLE bulk_actions (
    id              uuid PRIMARY KEY,
    action          text NOT NULL CHECK (action IN ('retry', 'abandon', 'export')),
    filter          jsonb NOT NULL,
    dry_run         boolean NOT NULL,
    most_jobs       integer NOT NULL,
    state           text NOT NULL CHECK (state IN ('matching', 'running', 'done', 'stopped')),
    position        uuid NOT NULL,       -- how far this round has come
    rounds          integer NOT NULL DEFAULT 0,
    look_at         timestamptz NOT NULL,
    matched         integer NOT NULL DEFAULT 0,
    done            integer NOT NULL DEFAULT 0,
    skipped         integer NOT NULL DEFAULT 0,
    failed          integer NOT NULL DEFAULT 0,
    idempotency_key text UNIQUE,
    body_hash       bytea NOT NULL,
    created_at      timestamptz NOT NULL,
    updated_at      timestamptz NOT NULL,
    finished_at     timestamptz
) WITH (fillfactor = 50);
CREATE INDEX bulk_actions_open ON bulk_actions (look_at) WHERE finished_at IS NULL;
CREATE INDEX bulk_actions_age ON bulk_actions (finished_at) WHERE finished_at IS NOT NULL;
CREATE TABLE bulk_action_jobs (
    action_id uuid NOT NULL,
    job_id    uuid NOT NULL,
    version   integer NOT NULL,          -- of the job when it matched
    outcome   text CHECK (outcome IN ('done', 'skipped', 'failed')),
    note      text,                      -- why it was skipped or failed
    PRIMARY KEY (action_id, job_id)
) WITH (fillfactor = 70);
CREATE INDEX bulk_action_jobs_open ON bulk_action_jobs (action_id, job_id) WHERE outcome IS NULL
"""

DRAIN = """
ALTER TABLE nodes ADD COLUMN drain_asked_at timestamptz
"""


def upgrade() -> None:
    """Make the changes. The driver takes one statement at a time."""
    for script in (LETTERS, BULK, DRAIN):
        for statement in re.split(r";\s*\n(?=CREATE|ALTER|UPDATE|--)", script):
            op.execute(statement)
