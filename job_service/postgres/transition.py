"""The tail that every transition shares.

A transition is one statement: a guarded `UPDATE jobs` in a CTE named `moved`, then everything that follows
from it, driven by what `moved` returned and by nothing else (R10). `moved` must return

    id, version, prev_status, status, attempt, by_node, reason, actor, result_hash, operation

`prev_status` is the state before, set in the same UPDATE (R12).
"""

LOCK = "SELECT FROM jobs WHERE id = ANY ($1::uuid[]) ORDER BY id FOR UPDATE"
"""Goes first, as a statement of its own in the same transaction, before a transition that tidies `due`,
`inflight` or `unsuccessful` after another process. A statement that waits for the lock by itself goes on with
the picture from before its wait: it misses the narrow rows that appeared meanwhile (R6)."""

HISTORY = """
history AS (                             -- one row per transition, in the same statement (G7)
    INSERT INTO job_history (job_id, version, from_status, to_status, attempt, node, at, reason, actor,
                             result_hash, operation)
    SELECT id, version, prev_status, status, attempt, by_node, clock_timestamp(), reason, actor,
           result_hash, operation
    FROM moved
),
counted AS (                             -- what changes in the counts of jobs by state
    INSERT INTO job_count_deltas (status, delta)
    SELECT status, sum(delta)
    FROM (SELECT prev_status AS status, -1 AS delta FROM moved WHERE prev_status <> status
          UNION ALL
          SELECT status, 1 FROM moved WHERE prev_status <> status) AS change
    GROUP BY status
    HAVING sum(delta) <> 0
)
"""

NO_OUTCOME = "NULL::bytea AS result_hash, NULL::uuid AS operation"
"""For a transition that carries neither a result nor a client's operation id."""

ARM = """
armed AS (                               -- R7: whatever makes a job runnable arms `due` right here
    INSERT INTO due (job_id, job_type, band, dispatch_at, status)
    SELECT id, job_type, band, dispatch_at, status FROM moved WHERE arms
    ON CONFLICT (job_id) DO UPDATE
    SET band = excluded.band, dispatch_at = excluded.dispatch_at, status = excluded.status
)
"""

ARM_OUT_OF_LINE = ARM.replace("WHERE arms", "WHERE arms AND ordering_key IS NULL")
"""The same where the job may wait in the line of its ordering key: arrange_keys() arms the head of a key at the
end of the statement (R19), and whoever waits for a key must not keep a row of `due` locked meanwhile."""

OUT_OF_LINE = """(j.ordering_key IS NULL
       OR (SELECT count(*) FROM in_line AS l WHERE l.job_id = j.id) = 0)"""
"""Nothing is given of a job that waits in the line of its ordering key, whatever record names it (R19).
Counted, because an EXISTS may be answered by reading all of the lines."""

NOT_IN_FLIGHT = """
landed AS (DELETE FROM inflight WHERE job_id = ANY (ARRAY (SELECT id FROM moved)))
"""
