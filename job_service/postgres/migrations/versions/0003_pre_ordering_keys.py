"""Ordering keys (R19, ADR 0012), and what a job type says of itself beyond its time.

`pre`: runs before the new code is deployed. Code before it goes on working: what it puts on the shelf of a key
that is taken goes into the line in the same statement. Writing to `jobs` waits until this is done.
"""

import re

from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None

TYPES = """
ALTER TABLE job_types ADD COLUMN max_running integer;
ALTER TABLE job_types ADD COLUMN passes_key boolean NOT NULL DEFAULT false;
"""

# How many more of types with a limit may be claimed. Whoever asks has seen what all who asked before him
# claimed, and those after him wait for his commit. Attempts outside ($2) are nobody's slots.
ROOMS = """
CREATE FUNCTION rooms_of_types(types text[], outside uuid) RETURNS TABLE (of_type text, room bigint)
LANGUAGE plpgsql VOLATILE AS $$
BEGIN
    PERFORM pg_advisory_xact_lock(1885435252);
    RETURN QUERY
    SELECT t.name, t.max_running - count(i.job_id) FROM job_types AS t
    LEFT JOIN inflight AS i ON i.job_type = t.name AND i.worker IS DISTINCT FROM outside
    WHERE t.name = ANY (types) AND t.max_running IS NOT NULL
    GROUP BY t.name;
END $$;
"""

# One row for each ordering key that has unsettled jobs: its head, the one job of the key that may have a row in
# `due` or `inflight`. The others wait in the line, in the order in which they take the key.
LINES = """
CREATE TABLE ordering_keys (
    ordering_key text PRIMARY KEY,
    job_id       uuid                    -- the head; null only inside arrange_keys()
) WITH (fillfactor = 70, autovacuum_vacuum_scale_factor = 0.02, autovacuum_vacuum_threshold = 2000);
CREATE TABLE in_line (
    job_id       uuid PRIMARY KEY,
    ordering_key text NOT NULL,
    place        timestamptz NOT NULL,   -- key_place() of its job
    status       text NOT NULL           -- read by lists only
) WITH (autovacuum_vacuum_scale_factor = 0.02, autovacuum_vacuum_threshold = 2000);
CREATE INDEX in_line_order ON in_line (ordering_key, place, job_id);
CREATE INDEX in_line_again ON in_line (status, job_id) WHERE status <> 'CREATED';
"""

# Three questions about one job. Where it stands in the line: by its due time, or by the time of its next try.
# Whether it keeps the key: from its claim until it settles, also while it backs off unless its type passes
# then. What is CREATED again (snoozed, rescheduled, taken back) has given the key back.
QUESTIONS = """
CREATE FUNCTION key_place(j jobs) RETURNS timestamptz LANGUAGE sql STABLE
RETURN coalesce(j.next_attempt_at, j.due_at);
CREATE FUNCTION key_done(j jobs) RETURNS boolean LANGUAGE sql STABLE
RETURN j.status IN ('SUCCESS', 'CANCELLED', 'EXPIRED', 'ABANDONED', 'STOPPED')
    OR (j.status = 'FAILED' AND j.next_attempt_at IS NULL);
CREATE FUNCTION key_kept(j jobs) RETURNS boolean LANGUAGE sql STABLE
RETURN j.status IN ('SCHEDULED', 'RUNNING', 'WAITING') OR (j.status = 'FAILED' AND NOT EXISTS (
    SELECT FROM job_types AS t WHERE t.name = j.job_type AND t.passes_key));
"""

# Notes which jobs with a key a statement wrote. Jobs without one cost the look at their column.
NOTE = """
CREATE FUNCTION note_keyed() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    PERFORM set_config('punctual.keyed',
                       coalesce(current_setting('punctual.keyed', true), '') || NEW.id::text || ' ', true);
    RETURN NEW;
END $$;
"""

# Puts the keys of the noted jobs in order, at the end of the statement that wrote them. The keys are locked
# first, in their order (R11), and every query after that sees what their last holder committed. Nobody waits
# for a lock of a job or of `due` in here while he has a key: who holds those may be waiting for the key.
ARRANGE = """
CREATE FUNCTION arrange_keys() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    noted uuid[] := string_to_array(rtrim(current_setting('punctual.keyed')), ' ')::uuid[];
    keys  text[];
    stay  uuid[];
BEGIN
    PERFORM set_config('punctual.keyed', '', true);
    SELECT array_agg(DISTINCT j.ordering_key) INTO keys FROM jobs AS j WHERE j.id = ANY (noted);
    -- Take or lock the keys. The first job of a new key is its head.
    INSERT INTO ordering_keys AS k (ordering_key, job_id)
    SELECT DISTINCT ON (j.ordering_key) j.ordering_key, j.id FROM jobs AS j WHERE j.id = ANY (noted)
    ORDER BY j.ordering_key, key_done(j), key_place(j), j.id
    ON CONFLICT (ordering_key) DO UPDATE SET job_id = k.job_id WHERE false;
    -- Who is settled frees its key, and is nowhere any more: it may have become the head meanwhile.
    SELECT coalesce(array_agg(j.id), '{}') INTO stay FROM jobs AS j
    WHERE j.id = ANY (noted) AND NOT key_done(j)
      AND NOT EXISTS (SELECT FROM inflight AS i WHERE i.job_id = j.id);
    noted := ARRAY (SELECT j.id FROM jobs AS j WHERE j.id = ANY (noted) AND key_done(j));
    DELETE FROM in_line WHERE job_id = ANY (noted);
    DELETE FROM due WHERE job_id = ANY (noted);
    UPDATE ordering_keys SET job_id = NULL WHERE ordering_key = ANY (keys) AND job_id = ANY (noted);
    -- Who is not the head waits in the line.
    WITH behind AS MATERIALIZED (
        SELECT j.id, j.ordering_key, key_place(j) AS place, j.status
        FROM jobs AS j JOIN ordering_keys AS k ON k.ordering_key = ANY (ARRAY [j.ordering_key])
        WHERE j.id = ANY (stay) AND k.job_id IS DISTINCT FROM j.id
    ),
    off_the_shelf AS (DELETE FROM due WHERE job_id = ANY (ARRAY (SELECT id FROM behind)))
    INSERT INTO in_line (job_id, ordering_key, place, status) SELECT * FROM behind
    ON CONFLICT (job_id) DO UPDATE SET place = excluded.place, status = excluded.status;
    -- A head is on the shelf as its job says.
    INSERT INTO due AS d (job_id, job_type, band, dispatch_at, status)
    SELECT j.id, j.job_type, j.band, j.dispatch_at, j.status
    FROM jobs AS j JOIN ordering_keys AS k ON k.ordering_key = ANY (ARRAY [j.ordering_key])
    WHERE j.id = ANY (stay) AND k.job_id = j.id
    ON CONFLICT (job_id) DO UPDATE
    SET band = excluded.band, dispatch_at = excluded.dispatch_at, status = excluded.status
    WHERE (d.band, d.dispatch_at, d.status) <> (excluded.band, excluded.dispatch_at, excluded.status);
    -- One that does not keep its key gives way to one that comes before it, unless it is being claimed.
    WITH late AS MATERIALIZED (
        SELECT j.id, j.ordering_key, key_place(j) AS place, j.status
        FROM ordering_keys AS k
        JOIN due AS d ON d.job_id = ANY (ARRAY [k.job_id]) JOIN jobs AS j ON j.id = ANY (ARRAY [k.job_id])
        CROSS JOIN LATERAL (
            SELECT l.place, l.job_id FROM in_line AS l WHERE l.ordering_key = k.ordering_key
            ORDER BY l.place, l.job_id LIMIT 1) AS first
        WHERE k.ordering_key = ANY (keys) AND (first.place, first.job_id) < (key_place(j), j.id)
          AND NOT key_kept(j)
        FOR UPDATE OF d SKIP LOCKED
    ),
    off_the_shelf AS (DELETE FROM due WHERE job_id = ANY (ARRAY (SELECT id FROM late))),
    freed AS (
        UPDATE ordering_keys SET job_id = NULL
        WHERE ordering_key = ANY (ARRAY (SELECT ordering_key FROM late))
    )
    INSERT INTO in_line (job_id, ordering_key, place, status) SELECT * FROM late;
    -- The first of the line takes a free key. A key that nobody waits for is no key.
    WITH next AS MATERIALIZED (
        SELECT k.ordering_key, first.job_id FROM ordering_keys AS k
        CROSS JOIN LATERAL (
            SELECT l.job_id FROM in_line AS l WHERE l.ordering_key = k.ordering_key
            ORDER BY l.place, l.job_id LIMIT 1) AS first
        WHERE k.ordering_key = ANY (keys) AND k.job_id IS NULL
    ),
    out_of_line AS (DELETE FROM in_line WHERE job_id = ANY (ARRAY (SELECT job_id FROM next))),
    taken AS (
        UPDATE ordering_keys AS k SET job_id = next.job_id FROM next
        WHERE k.ordering_key = ANY (ARRAY [next.ordering_key])
    )
    INSERT INTO due (job_id, job_type, band, dispatch_at, status)
    SELECT j.id, j.job_type, j.band, j.dispatch_at, j.status
    FROM next JOIN jobs AS j ON j.id = ANY (ARRAY [next.job_id]);
    DELETE FROM ordering_keys WHERE ordering_key = ANY (keys) AND job_id IS NULL;
    RETURN NULL;
END $$;
"""

# Only what may change who is the head: a claim, a lease and a start do not.
TRIGGERS = """
CREATE TRIGGER jobs_note_new BEFORE INSERT ON jobs FOR EACH ROW
    WHEN (NEW.ordering_key IS NOT NULL) EXECUTE FUNCTION note_keyed();
CREATE TRIGGER jobs_note_moved BEFORE UPDATE ON jobs FOR EACH ROW
    WHEN (NEW.ordering_key IS NOT NULL AND (
        NEW.status NOT IN ('SCHEDULED', 'RUNNING', 'WAITING') OR NEW.ready_at <> OLD.ready_at))
    EXECUTE FUNCTION note_keyed();
CREATE TRIGGER jobs_arrange AFTER INSERT OR UPDATE ON jobs FOR EACH STATEMENT
    WHEN (current_setting('punctual.keyed', true) <> '') EXECUTE FUNCTION arrange_keys();
"""

# Of what is there already: of each key the job that is in flight or comes first is the head. Two that are in
# flight by now both go on; the one that is not the head gets in line if it is to run again.
FILL = """
INSERT INTO ordering_keys (ordering_key, job_id)
SELECT DISTINCT ON (j.ordering_key) j.ordering_key, j.id
FROM jobs AS j LEFT JOIN inflight AS i ON i.job_id = j.id
WHERE j.ordering_key IS NOT NULL AND NOT key_done(j)
ORDER BY j.ordering_key, i.job_id IS NULL, NOT key_kept(j), key_place(j), j.id;
INSERT INTO in_line (job_id, ordering_key, place, status)
SELECT j.id, j.ordering_key, key_place(j), j.status
FROM due AS d JOIN jobs AS j ON j.id = d.job_id
WHERE j.ordering_key IS NOT NULL
  AND NOT EXISTS (SELECT FROM ordering_keys AS k WHERE k.job_id = j.id);
DELETE FROM due AS d USING in_line AS l WHERE d.job_id = l.job_id;
"""


def upgrade() -> None:
    """Make the changes. The driver takes one statement at a time."""
    for script in (TYPES, ROOMS, LINES, QUESTIONS, NOTE, ARRANGE, TRIGGERS, FILL):
        for statement in re.split(r";\s*\n(?=CREATE|ALTER|INSERT|DELETE)", script):
            op.execute(statement)
