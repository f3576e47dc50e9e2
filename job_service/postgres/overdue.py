"""Statements of the duties that look at what is overdue: reconcile, deadlines, expiry.

They find it by an index, and only by the one on its time. So the time is statement_timestamp(): no index is
searched for clock_timestamp(), which may be another for each row. And `worker IS NULL` says "claimed": the
opposite, `scheduler IS NOT NULL`, would offer the planner the partial index on all claims.
"""

import asyncpg

from job_service.postgres.database import Database, Raw
from job_service.postgres.lookup import lookup
from job_service.postgres.reaping import AMNESTY_OVER, arm_again
from job_service.postgres.transition import ARM, HISTORY, LOCK, NO_OUTCOME, NOT_IN_FLIGHT

# Claimed and not leased, past its time to be looked at. Its record is judged lost when the group has passed
# it, or when the topic partition ends before it (the topic was made anew); after `unplaced` if nobody said
# where it is, and after `regardless` in any case (R21).
OVERDUE_CLAIMS = """
SELECT i.job_id,
       i.record_offset < p.committed OR i.record_offset >= p.end_offset
           OR greatest(i.ready_at, i.since) < clock_timestamp() - interval '1 second'
               * CASE WHEN i.record_offset IS NULL THEN $3::float8 ELSE $2::float8 END AS lost
FROM inflight AS i LEFT JOIN topic_positions AS p ON p.topic_partition = i.topic_partition
WHERE i.look_at <= statement_timestamp() AND i.worker IS NULL
ORDER BY i.look_at LIMIT $1
"""
# Waits for nobody (R11): a claim that is being leased right now need not be looked at later.
LOOK_LATER = """
UPDATE inflight SET look_at = clock_timestamp() + $2 * interval '1 second'
WHERE ctid = ANY (ARRAY (
    SELECT ctid FROM inflight WHERE job_id = ANY ($1::uuid[]) AND worker IS NULL FOR UPDATE SKIP LOCKED))
"""

# Leased attempts past their deadline, outside an amnesty (R14, R16).
PAST_DEADLINE = f"""
SELECT i.job_id, i.attempt, i.worker FROM inflight AS i
WHERE i.look_at <= statement_timestamp() AND i.scheduler IS NULL AND {AMNESTY_OVER}
ORDER BY i.look_at LIMIT $1
"""

_CANCELLED = "j.cancel_requested"
_HELD = "(j.status = 'SCHEDULED' AND NOT j.cancel_requested)"
_AGAIN = """(j.status = 'RUNNING' AND NOT j.cancel_requested AND j.failures + 1 < j.max_attempts)"""
_NEXT_AT = """(statement_timestamp()
             + interval '1 second' * least($5, $4 * 2.0 ^ least(j.failures, 30)) * $6)"""

# Ends attempts whose holder did not report in time, fenced by what was seen: a running one failed by time-out
# and is tried again like any failure; a held one that never started counts as lost, as it may have begun.
END_OVERDUE = f"""
WITH locked AS MATERIALIZED (SELECT id FROM jobs WHERE id = ANY ($1::uuid[]) ORDER BY id FOR UPDATE),
late AS MATERIALIZED (
    SELECT * FROM unnest($1::uuid[], $2::int[], $3::uuid[]) AS l (job_id, attempt, worker)
    WHERE (SELECT count(*) FROM locked) > 0
),
moved AS (
    UPDATE jobs AS j
    SET prev_status = j.status, version = j.version + 1, node = NULL, updated_at = clock_timestamp(),
        status = CASE WHEN {_CANCELLED} THEN 'CANCELLED' WHEN {_HELD} THEN 'SCHEDULED' ELSE 'FAILED' END,
        attempt = j.attempt + CASE WHEN {_HELD} THEN 1 ELSE 0 END,
        lost = j.lost + CASE WHEN {_HELD} THEN 1 ELSE 0 END,
        failures = j.failures + CASE WHEN j.status = 'RUNNING' AND NOT {_CANCELLED} THEN 1 ELSE 0 END,
        error = CASE WHEN j.status = 'RUNNING' THEN 'no report by its deadline' ELSE j.error END,
        next_attempt_at = CASE WHEN {_AGAIN} THEN {_NEXT_AT} END,
        ready_at = CASE WHEN {_AGAIN} THEN {_NEXT_AT} ELSE j.ready_at END,
        dispatch_at = CASE WHEN {_AGAIN} THEN {_NEXT_AT} ELSE clock_timestamp() END,
        finished_at = CASE WHEN {_AGAIN} OR {_HELD} THEN NULL ELSE clock_timestamp() END
    FROM late AS l
    WHERE {lookup("j.id", "l.job_id")}
      AND j.attempt = l.attempt AND j.node = l.worker AND j.status IN ('RUNNING', 'SCHEDULED')
    RETURNING j.id, j.version, j.prev_status, j.status, j.attempt, l.worker AS by_node,
              CASE j.prev_status WHEN 'SCHEDULED' THEN 'lost' ELSE 'timeout' END AS reason,
              'duty' AS actor, {NO_OUTCOME}, j.job_type, j.band, j.dispatch_at,
              (j.status = 'SCHEDULED' OR j.next_attempt_at IS NOT NULL) AS arms, l.attempt AS ended
),
{HISTORY}, {NOT_IN_FLIGHT}, {ARM},
settled AS (
    INSERT INTO unsuccessful (status, job_id, job_type, reason)
    SELECT status, id, job_type, reason FROM moved WHERE NOT arms
),
executed AS (
    UPDATE executions AS e
    SET status = CASE m.status WHEN 'SCHEDULED' THEN 'LOST' ELSE m.status END,
        ended_at = clock_timestamp(), error = 'no report by its deadline'
    FROM moved AS m WHERE {lookup("e.job_id", "m.id")} AND e.attempt = m.ended
)
SELECT id FROM moved
"""

PAST_EXPIRY = """
SELECT job_id FROM expiring WHERE expires_at <= statement_timestamp()
ORDER BY expires_at LIMIT $1 FOR UPDATE SKIP LOCKED
"""

# expiresAt has passed before a start: EXPIRED. A held job keeps its row here and is looked at again; for all
# others the row has done its work.
EXPIRE = f"""
WITH moved AS (
    UPDATE jobs AS j
    SET prev_status = j.status, status = 'EXPIRED', version = j.version + 1,
        updated_at = clock_timestamp(), finished_at = clock_timestamp()
    WHERE j.id = ANY ($1::uuid[])
      AND j.status IN ('CREATED', 'SCHEDULED') AND j.node IS NULL AND j.started_at IS NULL
    RETURNING j.id, j.version, j.prev_status, j.status, j.attempt, NULL::uuid AS by_node,
              'expired' AS reason, 'duty' AS actor, {NO_OUTCOME}
),
{HISTORY}, {NOT_IN_FLIGHT},
off_the_shelf AS (DELETE FROM due WHERE job_id = ANY (ARRAY (SELECT id FROM moved))),
settled AS (INSERT INTO unsuccessful (status, job_id) SELECT status, id FROM moved),
done AS (
    DELETE FROM expiring AS x
    WHERE x.job_id = ANY ($1::uuid[])
      AND (x.job_id = ANY (ARRAY (SELECT id FROM moved))
           OR NOT EXISTS (SELECT FROM jobs AS j WHERE j.id = x.job_id AND j.node IS NOT NULL
                          AND j.status = 'SCHEDULED' AND j.started_at IS NULL))
)
SELECT id FROM moved
"""


class Overdue:
    """Implements the stores of the duties reconcile, end_overdue and expire."""

    def __init__(
        self,
        database: Database,
        *,
        unplaced_seconds: float,
        regardless_seconds: float,
        gap_seconds: float,
        base_seconds: float,
        cap_seconds: float,
    ) -> None:
        self._database = database
        self._unplaced = unplaced_seconds
        self._regardless = regardless_seconds
        self._gap = gap_seconds
        self._base = base_seconds
        self._cap = cap_seconds

    async def reconcile(self, limit: int, look_again_seconds: float) -> tuple[int, int]:
        """Look at up to `limit` overdue claims; how many were looked at, and how many armed again."""

        async def unit(raw: Raw) -> tuple[int, int]:
            rows = await raw.fetch(OVERDUE_CLAIMS, limit, self._regardless, self._unplaced)
            lost = [row["job_id"] for row in rows if row["lost"]]
            waiting = [row["job_id"] for row in rows if not row["lost"]]
            if waiting:
                await raw.execute(LOOK_LATER, waiting, look_again_seconds)
            return len(rows), await arm_again(raw, lost) if lost else 0

        return await self._database.run(unit)

    async def end_overdue(self, limit: int, uniform: float) -> int:
        """End up to `limit` attempts that are past their deadline; how many."""

        async def unit(raw: Raw) -> list[asyncpg.Record]:
            late = await raw.fetch(PAST_DEADLINE, limit, self._gap)
            if not late:
                return []
            rows: list[asyncpg.Record] = await raw.fetch(
                END_OVERDUE,
                [row["job_id"] for row in late],
                [row["attempt"] for row in late],
                [row["worker"] for row in late],
                self._base,
                self._cap,
                uniform,
            )
            return rows

        return len(await self._database.run(unit))

    async def expire(self, limit: int) -> int:
        """Expire up to `limit` jobs; how many."""

        async def unit(raw: Raw) -> int:
            past = [row["job_id"] for row in await raw.fetch(PAST_EXPIRY, limit)]
            if not past:
                return 0
            await raw.execute(LOCK, past)
            return len(await raw.fetch(EXPIRE, past))

        return await self._database.transaction(unit)
