"""Starts and ends that the lease holder reports, and what is kept of a report that comes too late."""

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

import asyncpg

from job_service.domain.ended import Ended
from job_service.postgres.busy import naming_busy
from job_service.postgres.database import Database, Raw
from job_service.postgres.lookup import lookup
from job_service.postgres.transition import ARM, HISTORY, LOCK, NO_OUTCOME, NOT_IN_FLIGHT
from shared.contracts.reports import Start
from shared.runtime import failpoints

# A held attempt began: SCHEDULED -> RUNNING, fenced by node and attempt.
STARTS = f"""
WITH locked AS MATERIALIZED (SELECT id FROM jobs WHERE id = ANY ($2::uuid[]) ORDER BY id FOR UPDATE),
told AS MATERIALIZED (
    SELECT * FROM unnest($2::uuid[], $3::int[], $4::timestamptz[]) AS t (job_id, attempt, started_at)
    WHERE (SELECT count(*) FROM locked) > 0
),
moved AS (
    UPDATE jobs AS j
    SET prev_status = j.status, status = 'RUNNING', version = j.version + 1,
        started_at = t.started_at, updated_at = clock_timestamp()
    FROM told AS t
    WHERE {lookup("j.id", "t.job_id")}
      AND j.status = 'SCHEDULED' AND j.attempt = t.attempt AND j.node = $1
    RETURNING j.id, j.version, j.prev_status, j.status, j.attempt, $1::uuid AS by_node,
              'started' AS reason, 'worker' AS actor, {NO_OUTCOME}, t.started_at
),
{HISTORY},
executed AS (
    UPDATE executions AS e SET status = 'RUNNING', started_at = m.started_at
    FROM moved AS m WHERE {lookup("e.job_id", "m.id")} AND e.attempt = m.attempt
)
SELECT clock_timestamp()
"""

# The pieces of ENDS that decide. They read the row under the lock, never an earlier picture of it: a cancel
# that commits while the statement waits for the lock must not be forgotten (R20).
_BECOMES = """CASE WHEN t.outcome = 'SUCCESS' THEN 'SUCCESS'
             WHEN t.outcome = 'CANCELLED' OR j.cancel_requested THEN 'CANCELLED'
             WHEN t.outcome = 'SNOOZED' THEN 'CREATED'
             ELSE 'FAILED' END"""
_SNOOZED = "(t.outcome = 'SNOOZED' AND NOT j.cancel_requested)"
_AGAIN = """(t.outcome = 'FAILED' AND NOT j.cancel_requested AND t.retry
             AND j.failures + 1 < j.max_attempts)"""
_NEXT_AT = """(statement_timestamp() + interval '1 second' * coalesce(
             t.wait, least($15, $14 * 2.0 ^ least(j.failures, 30)) * t.uniform))"""

# The outcome of an attempt, accepted only from the node and attempt that hold the job. A cancel that was
# asked wins over everything but success (R20). A failure is tried again while failures are left below
# max_attempts; `wait` is the handler's wish, else the back-off has full jitter from the caller's random
# number. A job that is held and never started may end as CANCELLED only.
ENDS = f"""
WITH locked AS MATERIALIZED (SELECT id FROM jobs WHERE id = ANY ($2::uuid[]) ORDER BY id FOR UPDATE),
told AS MATERIALIZED (
    SELECT * FROM unnest($2::uuid[], $3::int[], $4::text[], $5::timestamptz[], $6::timestamptz[],
                         $7::text[], $8::text[], $9::bytea[], $10::text[], $11::bool[], $12::float8[],
                         $13::float8[])
         AS t (job_id, attempt, outcome, started_at, ended_at, result, error, result_hash, reason, retry,
               wait, uniform)
    WHERE (SELECT count(*) FROM locked) > 0
),
moved AS (
    UPDATE jobs AS j
    SET prev_status = j.status, status = {_BECOMES}, version = j.version + 1, node = NULL,
        updated_at = clock_timestamp(),
        failures = j.failures
            + CASE WHEN t.outcome = 'FAILED' AND NOT j.cancel_requested THEN 1 ELSE 0 END,
        started_at = coalesce(t.started_at, j.started_at),
        finished_at = CASE WHEN {_AGAIN} OR {_SNOOZED} THEN NULL ELSE clock_timestamp() END,
        result = t.result::jsonb, error = t.error,
        next_attempt_at = CASE WHEN {_AGAIN} THEN {_NEXT_AT} END,
        due_at = CASE WHEN {_SNOOZED} THEN {_NEXT_AT} ELSE j.due_at END,
        ready_at = CASE WHEN {_AGAIN} OR {_SNOOZED} THEN {_NEXT_AT} ELSE j.ready_at END,
        dispatch_at = CASE WHEN {_AGAIN} OR {_SNOOZED} THEN {_NEXT_AT} ELSE j.dispatch_at END
    FROM told AS t
    WHERE {lookup("j.id", "t.job_id")} AND j.attempt = t.attempt AND j.node = $1
      AND (j.status = 'RUNNING' OR (j.status = 'SCHEDULED' AND t.outcome = 'CANCELLED'))
    RETURNING j.id, j.version, j.prev_status, j.status, j.attempt, $1::uuid AS by_node, t.reason,
              CASE t.reason WHEN 'by-hand' THEN 'outside' ELSE 'worker' END AS actor, t.result_hash,
              NULL::uuid AS operation, j.job_type, j.band,
              j.dispatch_at, (j.status = 'CREATED' OR j.next_attempt_at IS NOT NULL) AS arms,
              t.started_at, t.ended_at, t.error
),
{HISTORY}, {NOT_IN_FLIGHT}, {ARM},
settled AS (
    INSERT INTO unsuccessful (status, job_id, job_type, reason)
    SELECT status, id, job_type, reason FROM moved WHERE NOT arms AND status <> 'SUCCESS'
),
executed AS (
    UPDATE executions AS e
    SET status = CASE WHEN m.status = 'CREATED' THEN 'SNOOZED' ELSE m.status END,
        started_at = m.started_at, ended_at = m.ended_at, error = m.error, result_hash = m.result_hash
    FROM moved AS m WHERE {lookup("e.job_id", "m.id")} AND e.attempt = m.attempt
)
SELECT id, attempt, status, NULL::timestamptz AS now FROM moved
UNION ALL SELECT NULL, NULL, NULL, clock_timestamp()
"""

# For the ends that changed nothing: what the executions say of those attempts.
EXECUTIONS = f"""
SELECT e.job_id, e.attempt, e.node, e.status, e.result_hash, e.ended_at, j.status AS job_status
FROM unnest($1::uuid[], $2::int[]) AS t (job_id, attempt)
JOIN executions AS e ON {lookup("e.job_id", "t.job_id")} AND e.attempt = t.attempt
LEFT JOIN jobs AS j ON j.id = e.job_id
"""

# Keeps a late report as a note on its execution, once per hash, and changes nothing else.
NOTE_ZOMBIE = f"""
UPDATE executions AS e
SET notes = e.notes || jsonb_build_object('kind', 'ZOMBIE', 'at', clock_timestamp(),
        'outcome', t.outcome, 'node', $1::uuid, 'resultHash', encode(t.result_hash, 'hex'))
FROM unnest($2::uuid[], $3::int[], $4::text[], $5::bytea[])
     AS t (job_id, attempt, outcome, result_hash)
WHERE {lookup("e.job_id", "t.job_id")} AND e.attempt = t.attempt AND e.node = $1
  AND NOT e.notes @> jsonb_build_array(jsonb_build_object('resultHash', encode(t.result_hash, 'hex')))
  AND jsonb_array_length(e.notes) < 20
"""


class Reports:
    """Implements the store of `report_attempts`."""

    def __init__(self, database: Database, *, base_seconds: float, cap_seconds: float) -> None:
        self._database = database
        self._base = base_seconds
        self._cap = cap_seconds

    async def record(
        self, node: UUID, starts: Sequence[Start], ends: Sequence[Ended]
    ) -> tuple[dict[tuple[UUID, int], str], datetime]:
        """Apply starts, then ends, in one transaction; the ends that were accepted with the job's new
        status, and a stamp of the database clock."""
        starts = sorted(starts, key=lambda s: s.job_id)
        ends = sorted(ends, key=lambda e: e.job_id)

        async def unit(raw: Raw) -> tuple[list[asyncpg.Record], datetime]:
            if starts and ends:  # in one order over both statements (R11)
                await raw.execute(LOCK, ids)
            now = await raw.fetchval(STARTS, node, *_columns_of_starts(starts)) if starts else None
            if not ends:
                return [], now or await raw.fetchval("SELECT clock_timestamp()")
            failpoints.hit("report.before-commit")
            rows = await raw.fetch(ENDS, node, *_columns(ends), self._base, self._cap)
            (now,) = (row["now"] for row in rows if row["now"] is not None)
            return [row for row in rows if row["now"] is None], now

        run = self._database.transaction if starts and ends else self._database.run
        ids = [s.job_id for s in starts] + [e.job_id for e in ends]
        rows, now = await naming_busy(self._database, ids, lambda: run(unit))
        if ends:
            failpoints.hit("report.committed")
        return {(job_id, attempt): status for job_id, attempt, status, _ in rows}, now

    async def executions(
        self, attempts: Sequence[tuple[UUID, int]]
    ) -> dict[tuple[UUID, int], asyncpg.Record]:
        """What is known of attempts whose end was not accepted."""
        rows = await self._database.run(
            lambda raw: raw.fetch(EXECUTIONS, [a[0] for a in attempts], [a[1] for a in attempts])
        )
        return {(row["job_id"], row["attempt"]): row for row in rows}

    async def note_zombies(self, node: UUID, ends: Sequence[Ended]) -> None:
        """Keep late reports as notes."""
        ends = sorted(ends, key=lambda e: e.job_id)
        await self._database.run(
            lambda raw: raw.execute(
                NOTE_ZOMBIE,
                node,
                [e.job_id for e in ends],
                [e.attempt for e in ends],
                [e.outcome for e in ends],
                [e.result_hash for e in ends],
            )
        )


def _columns_of_starts(starts: Sequence[Start]) -> tuple[list[object], ...]:
    return (
        [s.job_id for s in starts],
        [s.attempt for s in starts],
        [s.started_at for s in starts],
    )


def _columns(ends: Sequence[Ended]) -> tuple[list[object], ...]:
    return (
        [e.job_id for e in ends],
        [e.attempt for e in ends],
        [e.outcome for e in ends],
        [e.started_at for e in ends],
        [e.ended_at for e in ends],
        [e.result for e in ends],
        [e.error for e in ends],
        [e.result_hash for e in ends],
        [e.reason for e in ends],
        [e.retry for e in ends],
        [e.wait_seconds for e in ends],
        [e.uniform for e in ends],
    )
