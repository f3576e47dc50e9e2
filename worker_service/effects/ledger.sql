-- The ledger of effects. Run it once in each PostgreSQL database that handlers write to:
--     python -m worker_service.effects | psql "$DATABASE"
-- The handler's role needs SELECT, INSERT and UPDATE on the table, and nothing else.
--
-- For each job one row without a name: the newest attempt that has written here. An older one is refused.
-- And one row for each effect, written in the transaction of the rows that it stands for.
-- Rows of jobs that are settled may be deleted, all of a job's at once; a job without its rows would be
-- applied anew if it were tried again.
CREATE TABLE IF NOT EXISTS punctual_effects (
    job_id  uuid        NOT NULL,
    name    text        NOT NULL CHECK (length(name) <= 200),
    epoch   bigint      NOT NULL,
    attempt integer     NOT NULL,
    result  json,
    at      timestamptz NOT NULL DEFAULT clock_timestamp(),
    PRIMARY KEY (job_id, name)
);
