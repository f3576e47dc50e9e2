"""The core: jobs, the narrow tables beside them, history, executions, nodes.

`pre`: runs before the new code is deployed. Layout and reasons: DESIGN section 5. What must stay true for
updates of `jobs` to be HOT: no index, and no predicate of a partial index, names a column that changes.
"""

import re

from alembic import op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None

JOBS = """
CREATE TABLE jobs (
    id               uuid PRIMARY KEY,
    name             text NOT NULL,
    job_type         text NOT NULL,
    payload          jsonb,
    status           text NOT NULL CONSTRAINT jobs_status_known CHECK (status IN (
        'CREATED', 'SCHEDULED', 'RUNNING', 'SUCCESS', 'FAILED', 'CANCELLED', 'STOPPED', 'WAITING',
        'EXPIRED', 'ABANDONED')),
    prev_status      text,              -- R12: set in the same UPDATE, read by the history row
    version          integer NOT NULL DEFAULT 0,
    attempt          integer NOT NULL DEFAULT 0,
    failures         integer NOT NULL DEFAULT 0,
    lost             integer NOT NULL DEFAULT 0,
    suspect_losses   integer NOT NULL DEFAULT 0,
    max_attempts     integer NOT NULL,
    timeout_seconds  double precision,
    priority         smallint NOT NULL,
    band             smallint NOT NULL,
    ordering_key     text,
    scheduled_time   timestamptz NOT NULL,
    due_at           timestamptz NOT NULL,   -- the promise
    ready_at         timestamptz NOT NULL,   -- the current attempt does not start before this
    dispatch_at      timestamptz NOT NULL,   -- when its row in due is looked at (R9)
    expires_at       timestamptz,
    next_attempt_at  timestamptz,
    node             uuid,                   -- the lease holder
    cancel_requested boolean NOT NULL DEFAULT false,
    labels           jsonb NOT NULL DEFAULT '{}',
    traceparent      text,
    created_at       timestamptz NOT NULL,
    updated_at       timestamptz NOT NULL,
    started_at       timestamptz,
    finished_at      timestamptz,
    result           jsonb,
    error            text,
    CONSTRAINT jobs_held_only_while_active
        CHECK (node IS NULL OR status IN ('SCHEDULED', 'RUNNING')),
    CONSTRAINT jobs_retry_only_when_failed CHECK (next_attempt_at IS NULL OR status = 'FAILED')
) WITH (fillfactor = 50, autovacuum_vacuum_scale_factor = 0.05)
"""

# The legal edges once more, inside the database: whatever writes here obeys the table of states.
GUARD = """
CREATE FUNCTION refuse_job_change() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'job %: illegal change % v% -> % v%',
        OLD.id, OLD.status, OLD.version, NEW.status, NEW.version USING ERRCODE = 'P0409';
END $$;
CREATE TRIGGER jobs_lifecycle BEFORE UPDATE ON jobs FOR EACH ROW WHEN (
    NEW.version NOT IN (OLD.version, OLD.version + 1)
    OR (NEW.version = OLD.version AND (
        NEW.status <> OLD.status OR NEW.attempt <> OLD.attempt OR NEW.failures <> OLD.failures
        OR NEW.lost <> OLD.lost OR NEW.node IS DISTINCT FROM OLD.node
        OR NEW.cancel_requested <> OLD.cancel_requested OR NEW.due_at <> OLD.due_at))
    OR (NEW.version = OLD.version + 1 AND (
        NEW.prev_status IS DISTINCT FROM OLD.status
        OR (OLD.status || '>' || NEW.status) <> ALL ('{
            CREATED>SCHEDULED, CREATED>CREATED, CREATED>CANCELLED, CREATED>EXPIRED,
            SCHEDULED>RUNNING, SCHEDULED>SCHEDULED, SCHEDULED>CREATED, SCHEDULED>CANCELLED,
            SCHEDULED>EXPIRED,
            RUNNING>SUCCESS, RUNNING>FAILED, RUNNING>CANCELLED, RUNNING>STOPPED, RUNNING>WAITING,
            RUNNING>SCHEDULED, RUNNING>CREATED, RUNNING>RUNNING,
            FAILED>SCHEDULED, FAILED>FAILED, FAILED>CANCELLED, FAILED>ABANDONED,
            STOPPED>ABANDONED,
            WAITING>SCHEDULED, WAITING>FAILED, WAITING>CANCELLED, WAITING>STOPPED, WAITING>WAITING
        }'::text[])))
) EXECUTE FUNCTION refuse_job_change();
CREATE FUNCTION refuse_job_deletion() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'job % is %: only a settled job may be deleted', OLD.id, OLD.status
        USING ERRCODE = 'P0409';
END $$;
CREATE TRIGGER jobs_deletion BEFORE DELETE ON jobs FOR EACH ROW WHEN (
    OLD.status IN ('CREATED', 'SCHEDULED', 'RUNNING', 'WAITING') OR OLD.next_attempt_at IS NOT NULL
) EXECUTE FUNCTION refuse_job_deletion();
"""

NARROW = """
CREATE TABLE due (                       -- what needs dispatch; one row per job (R9)
    job_id      uuid PRIMARY KEY,
    job_type    text NOT NULL,
    band        smallint NOT NULL,
    dispatch_at timestamptz NOT NULL
) WITH (autovacuum_vacuum_scale_factor = 0.02, autovacuum_vacuum_threshold = 2000);
-- Without job_id: a lookup by job must find one index only, whatever the statistics say.
CREATE INDEX due_order ON due (job_type, band, dispatch_at);

CREATE TABLE inflight (                  -- claimed (scheduler set) or leased (worker set)
    job_id          uuid PRIMARY KEY,
    attempt         integer NOT NULL,
    job_type        text NOT NULL,
    ready_at        timestamptz NOT NULL,
    scheduler       uuid,
    claim_seq       bigint,
    worker          uuid,
    suspect         boolean NOT NULL DEFAULT false,
    since           timestamptz NOT NULL,
    look_at         timestamptz NOT NULL, -- when a duty must look: reconcile if claimed, deadline if leased
    topic_partition integer,
    record_offset   bigint,
    token_hash      bytea,                -- of an outside executor's lease token (R17)
    CONSTRAINT inflight_one_holder CHECK ((scheduler IS NULL) <> (worker IS NULL))
) WITH (fillfactor = 70, autovacuum_vacuum_scale_factor = 0.02, autovacuum_vacuum_threshold = 2000);
CREATE INDEX inflight_scheduler ON inflight (scheduler, claim_seq) WHERE scheduler IS NOT NULL;
CREATE INDEX inflight_worker ON inflight (worker) WHERE worker IS NOT NULL;
CREATE INDEX inflight_look_at ON inflight (look_at);

CREATE TABLE unsuccessful (              -- settled but not SUCCESS; the dead letters are its FAILED rows
    job_id uuid PRIMARY KEY,
    status text NOT NULL
);
CREATE INDEX unsuccessful_status ON unsuccessful (status, job_id);
CREATE TABLE expiring (                  -- jobs with an expiry, until the duty has looked at them
    job_id     uuid PRIMARY KEY,
    expires_at timestamptz NOT NULL
);
CREATE INDEX expiring_order ON expiring (expires_at);

CREATE TABLE job_counts (status text PRIMARY KEY, jobs bigint NOT NULL);
CREATE TABLE job_count_deltas (status text NOT NULL, delta bigint NOT NULL)
    WITH (autovacuum_vacuum_scale_factor = 0.02, autovacuum_vacuum_threshold = 2000);
"""

RECORDS = """
CREATE TABLE job_history (
    job_id      uuid NOT NULL,
    version     integer NOT NULL,
    from_status text,
    to_status   text NOT NULL,
    attempt     integer NOT NULL,
    node        uuid,
    at          timestamptz NOT NULL,    -- when it was recorded (R24)
    reason      text NOT NULL,
    actor       text NOT NULL,
    result_hash bytea,
    operation   uuid,                    -- of a client's call, to re-read after an unknown commit (R27)
    PRIMARY KEY (job_id, version)
) PARTITION BY RANGE (job_id);
CREATE TABLE job_history_default PARTITION OF job_history DEFAULT;
CREATE FUNCTION refuse_history_change() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'the history of job % is append-only', OLD.job_id USING ERRCODE = 'P0409';
END $$;
CREATE TRIGGER job_history_append_only BEFORE UPDATE ON job_history FOR EACH ROW
    EXECUTE FUNCTION refuse_history_change();

CREATE TABLE executions (
    job_id      uuid NOT NULL,
    attempt     integer NOT NULL,
    id          uuid NOT NULL,
    node        uuid NOT NULL,
    status      text NOT NULL CONSTRAINT executions_status_known CHECK (status IN (
        'HELD', 'RUNNING', 'SUCCESS', 'FAILED', 'CANCELLED', 'SNOOZED', 'RELEASED', 'LOST')),
    due_at      timestamptz NOT NULL,
    leased_at   timestamptz NOT NULL,
    started_at  timestamptz,             -- when the handler began, by the worker's bound of this clock
    ended_at    timestamptz,
    error       text,
    result_hash bytea,
    notes       jsonb NOT NULL DEFAULT '[]',
    PRIMARY KEY (job_id, attempt)
) PARTITION BY RANGE (job_id);
CREATE INDEX executions_id ON executions (id);
CREATE TABLE executions_default PARTITION OF executions DEFAULT;

CREATE TABLE idempotency_keys (
    key        text PRIMARY KEY,
    body_hash  bytea NOT NULL,
    job_id     uuid NOT NULL,
    created_at timestamptz NOT NULL
);
CREATE INDEX idempotency_keys_age ON idempotency_keys (created_at);

CREATE TABLE parked_records (            -- records on the topic that are no dispatch
    topic           text NOT NULL,
    topic_partition integer NOT NULL,
    record_offset   bigint NOT NULL,
    sha256          bytea NOT NULL,
    size            bigint NOT NULL,
    reason          text NOT NULL,
    raw             bytea NOT NULL,
    parked_at       timestamptz NOT NULL,
    PRIMARY KEY (topic, topic_partition, record_offset, sha256)
);
CREATE INDEX parked_records_age ON parked_records (parked_at);
"""

NODES = """
CREATE TABLE nodes (
    id            uuid PRIMARY KEY,
    role          text NOT NULL CHECK (role IN ('worker', 'scheduler')),
    state         text NOT NULL CHECK (state IN ('live', 'dead')),
    address       text NOT NULL,
    version       text NOT NULL,
    ttl_seconds   double precision NOT NULL,
    slots         integer NOT NULL,
    hold_slots    integer NOT NULL,
    running       integer NOT NULL DEFAULT 0,
    held          integer NOT NULL DEFAULT 0,
    types         text[] NOT NULL,
    topic_partitions integer[] NOT NULL DEFAULT '{}',
    registered_at timestamptz NOT NULL,
    last_seen_at  timestamptz NOT NULL,
    expires_at    timestamptz NOT NULL,
    died_at       timestamptz,
    death         text
) WITH (fillfactor = 50);
CREATE TABLE scheduler_claims (node uuid PRIMARY KEY, seq bigint NOT NULL) WITH (fillfactor = 50);
CREATE TABLE job_types (
    name            text PRIMARY KEY,
    timeout_seconds double precision NOT NULL,
    declared_at     timestamptz NOT NULL
);
CREATE TABLE topic_positions (           -- what workers last said of each topic partition (R21)
    topic_partition integer PRIMARY KEY,
    committed       bigint NOT NULL,
    end_offset      bigint NOT NULL,
    reported_at     timestamptz NOT NULL
) WITH (fillfactor = 50);
CREATE TABLE reaper_tick (               -- one row (R14)
    the_one         boolean PRIMARY KEY DEFAULT true CHECK (the_one),
    ticked_at       timestamptz NOT NULL,
    timeline        text NOT NULL,
    suspended_until timestamptz NOT NULL
) WITH (fillfactor = 50);
"""


def upgrade() -> None:
    """Make the tables. The driver takes one statement at a time."""
    for script in (JOBS, GUARD, NARROW, RECORDS, NODES):
        for statement in re.split(r";\s*\n(?=CREATE|--)", script):
            op.execute(statement)
