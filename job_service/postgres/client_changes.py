"""Transitions that a client asks for: cancel, change, start by hand, end by hand.

Each statement takes several jobs at once, each of them once, and changes those that it may. A job carries the
client's version, where one was named, and an operation id, so that the outcome of a commit that nobody heard of
can be read again (R27).
"""

from collections.abc import Sequence
from uuid import UUID

import asyncpg

from job_service.domain.job import Job
from job_service.domain.outside import OUTSIDE
from job_service.domain.wanted import Change, OutsideStart, Wanted
from job_service.postgres.database import Database, Raw
from job_service.postgres.jobs import job_of
from job_service.postgres.lookup import lookup
from job_service.postgres.transition import (
    ARM_OUT_OF_LINE,
    HISTORY,
    LOCK,
    NOT_IN_FLIGHT,
    OUT_OF_LINE,
)

_WANTED = "unnest($1::uuid[], $2::int[], $3::uuid[]) AS w (id, version, operation)"
_MINE = f"{lookup('j.id', 'w.id')} AND (w.version IS NULL OR j.version = w.version)"
_MOVED = "j.*, j.node AS by_node, NULL::bytea AS result_hash, w.operation"

# Not leased: CANCELLED at once. Leased or running: the wish is kept and pushed to the worker (R20).
CANCEL = f"""
WITH moved AS (
    UPDATE jobs AS j
    SET prev_status = j.status, version = j.version + 1, cancel_requested = true,
        updated_at = clock_timestamp(),
        status = CASE WHEN j.node IS NULL THEN 'CANCELLED' ELSE j.status END,
        next_attempt_at = NULL,
        finished_at = CASE WHEN j.node IS NULL THEN clock_timestamp() END
    FROM {_WANTED}
    WHERE {_MINE} AND NOT j.cancel_requested
      AND (j.status IN ('CREATED', 'SCHEDULED', 'FAILED', 'WAITING')
           OR (j.status = 'RUNNING' AND j.node IS NOT NULL))
    RETURNING {_MOVED}, 'client' AS actor,
              CASE j.status WHEN 'CANCELLED' THEN 'cancelled' ELSE 'cancel-asked' END AS reason
),
{HISTORY},
landed AS (
    DELETE FROM inflight WHERE job_id = ANY (ARRAY (SELECT id FROM moved WHERE status = 'CANCELLED'))
),
off_the_shelf AS (
    DELETE FROM due WHERE job_id = ANY (ARRAY (SELECT id FROM moved WHERE status = 'CANCELLED'))
),
settled AS (
    INSERT INTO unsuccessful (status, job_id) SELECT status, id FROM moved WHERE status = 'CANCELLED'
    ON CONFLICT (job_id) DO UPDATE SET status = excluded.status
)
SELECT * FROM moved
"""

# Moves the due time, the priority or the labels of a job that nobody holds. A new time takes a SCHEDULED job
# back to CREATED (its record on the topic is void then, as the next claim raises the attempt); of a failed one
# it moves the next try. What is null stays.
CHANGE = f"""
WITH moved AS (
    UPDATE jobs AS j
    SET prev_status = j.status, version = j.version + 1, updated_at = clock_timestamp(),
        status = CASE WHEN w.due IS NOT NULL AND j.status = 'SCHEDULED' THEN 'CREATED'
                      ELSE j.status END,
        scheduled_time = CASE WHEN j.status = 'FAILED' THEN j.scheduled_time
                              ELSE coalesce(w.due, j.scheduled_time) END,
        due_at = CASE WHEN j.status = 'FAILED' THEN j.due_at ELSE coalesce(w.due, j.due_at) END,
        ready_at = coalesce(w.due, j.ready_at),
        dispatch_at = CASE WHEN w.due IS NULL THEN j.dispatch_at
                           ELSE greatest(w.due, clock_timestamp()) END,
        next_attempt_at = CASE WHEN j.next_attempt_at IS NULL THEN NULL
                               ELSE coalesce(w.due, j.next_attempt_at) END,
        priority = coalesce(w.priority, j.priority), band = coalesce(w.band, j.band),
        labels = coalesce(w.labels, j.labels)
    FROM unnest($1::uuid[], $2::int[], $3::uuid[], $4::timestamptz[], $5::smallint[], $6::smallint[],
                $7::jsonb[]) AS w (id, version, operation, due, priority, band, labels)
    WHERE {_MINE} AND j.node IS NULL AND j.status IN ('CREATED', 'SCHEDULED', 'FAILED')
      AND (w.due IS NULL OR j.status <> 'FAILED' OR j.next_attempt_at IS NOT NULL)
    RETURNING {_MOVED}, 'changed' AS reason, 'client' AS actor, w.due IS NOT NULL AS arms
),
{HISTORY}, {ARM_OUT_OF_LINE},
landed AS (DELETE FROM inflight WHERE job_id = ANY (ARRAY (SELECT id FROM moved WHERE arms))),
reordered AS (
    UPDATE due AS d SET band = m.band FROM moved AS m WHERE {lookup("d.job_id", "m.id")} AND NOT m.arms
)
SELECT * FROM moved
"""

# Takes a job that nobody holds back to CREATED, its due time unchanged: the record on the topic is void, since
# the next claim raises the attempt.
TAKE_BACK = f"""
WITH moved AS (
    UPDATE jobs AS j
    SET prev_status = j.status, version = j.version + 1, status = 'CREATED',
        updated_at = clock_timestamp(), dispatch_at = greatest(j.ready_at, clock_timestamp())
    FROM {_WANTED}
    WHERE {_MINE} AND j.node IS NULL AND j.status = 'SCHEDULED'
    RETURNING {_MOVED}, 'by-hand' AS reason, 'client' AS actor, true AS arms
),
{HISTORY}, {ARM_OUT_OF_LINE}, {NOT_IN_FLIGHT}
SELECT * FROM moved
"""


def abandon(*, reason: str, actor: str) -> str:
    """Gives up a job that failed, with or without a try to come, or that was stopped."""
    return f"""
WITH moved AS (
    UPDATE jobs AS j
    SET prev_status = j.status, version = j.version + 1, status = 'ABANDONED', next_attempt_at = NULL,
        finished_at = coalesce(j.finished_at, clock_timestamp()), updated_at = clock_timestamp()
    FROM {_WANTED}
    WHERE {_MINE} AND j.node IS NULL AND j.status IN ('FAILED', 'STOPPED')
    RETURNING {_MOVED}, {reason} AS reason, {actor} AS actor
),
{HISTORY},
off_the_shelf AS (DELETE FROM due WHERE job_id = ANY (ARRAY (SELECT id FROM moved))),
settled AS (
    INSERT INTO unsuccessful (status, job_id) SELECT status, id FROM moved
    ON CONFLICT (job_id) DO UPDATE SET status = excluded.status
)
SELECT * FROM moved
"""


def schedule_now(*, reason: str, actor: str) -> str:
    """Makes a job due now from one of the states that are named: CREATED, or FAILED with one more failure
    allowed."""
    return f"""
WITH moved AS (
    UPDATE jobs AS j
    SET prev_status = j.status, status = 'SCHEDULED', version = j.version + 1, attempt = j.attempt + 1,
        due_at = CASE j.status WHEN 'CREATED' THEN least(j.due_at, statement_timestamp())
                               ELSE j.due_at END,
        ready_at = statement_timestamp(), dispatch_at = statement_timestamp(), next_attempt_at = NULL,
        max_attempts = greatest(j.max_attempts, j.failures + 1), finished_at = NULL,
        updated_at = clock_timestamp()
    FROM unnest($1::uuid[], $2::int[], $3::uuid[], $4::text[]) AS w (id, version, operation, sources)
    WHERE {_MINE} AND j.node IS NULL AND j.status = ANY (string_to_array(w.sources, ' '))
    RETURNING {_MOVED}, {reason} AS reason, {actor} AS actor, true AS arms
),
{HISTORY}, {ARM_OUT_OF_LINE},
no_letter AS (
    DELETE FROM unsuccessful WHERE job_id = ANY (ARRAY (SELECT id FROM moved WHERE prev_status = 'FAILED'))
)
SELECT * FROM moved
"""


ABANDON = abandon(reason="'abandoned'", actor="'client'")
SCHEDULE_NOW = schedule_now(
    reason="CASE j.prev_status WHEN 'FAILED' THEN 'retried' ELSE 'by-hand' END", actor="'client'"
)

# Starts an attempt for an executor outside (R17): it holds the token and has a deadline like any other.
# Not one that waits in the line of its ordering key (R19).
START_OUTSIDE = f"""
WITH moved AS (
    UPDATE jobs AS j
    SET prev_status = j.status, status = 'RUNNING', version = j.version + 1, node = $6,
        started_at = clock_timestamp(), updated_at = clock_timestamp()
    FROM unnest($1::uuid[], $2::int[], $3::uuid[], $4::uuid[], $5::bytea[])
         AS w (id, version, operation, execution_id, lease_token_hash)
    WHERE {_MINE} AND j.node IS NULL AND j.status = 'SCHEDULED' AND {OUT_OF_LINE}
    RETURNING {_MOVED}, w.execution_id, w.lease_token_hash, 'by-hand' AS reason, 'outside' AS actor,
              coalesce(j.timeout_seconds,
                       (SELECT t.timeout_seconds FROM job_types AS t WHERE t.name = j.job_type),
                       $7) AS timeout
),
{HISTORY},
off_the_shelf AS (DELETE FROM due WHERE job_id = ANY (ARRAY (SELECT id FROM moved))),
in_flight AS (
    INSERT INTO inflight (job_id, attempt, job_type, ready_at, worker, since, look_at, token_hash)
    SELECT id, attempt, job_type, ready_at, $6, clock_timestamp(),
           clock_timestamp() + (timeout + $8) * interval '1 second', lease_token_hash
    FROM moved
    ON CONFLICT (job_id) DO UPDATE
    SET scheduler = NULL, claim_seq = NULL, worker = excluded.worker, since = excluded.since,
        look_at = excluded.look_at, token_hash = excluded.token_hash
),
executed AS (
    INSERT INTO executions (job_id, attempt, id, node, status, due_at, leased_at, started_at)
    SELECT id, attempt, execution_id, $6, 'RUNNING', ready_at, started_at, started_at FROM moved
)
SELECT * FROM moved
"""

OUTSIDE_HOLDER = "SELECT attempt, token_hash FROM inflight WHERE job_id = $1 AND worker = $2"

# Whether a client's operation took effect (R27).
DONE_BY = """
SELECT EXISTS (SELECT FROM job_history WHERE job_id = $1 AND operation = $2)
"""


class ClientChanges:
    """Implements the stores of `join_changes` and `change_by_client`. Each change answers, of each job in the
    order given, the job as changed, or None where it may not be changed so. No job may be named twice in one
    call."""

    def __init__(
        self, database: Database, *, default_timeout_seconds: float, deadline_grace_seconds: float
    ) -> None:
        self._database = database
        self._timeout = default_timeout_seconds
        self._grace = deadline_grace_seconds

    async def cancel(self, wanted: Sequence[Wanted]) -> list[Job | None]:
        """Cancel, or ask the holder to."""
        return await self._each(CANCEL, wanted)

    async def change(self, wanted: Sequence[Wanted], to: Sequence[Change]) -> list[Job | None]:
        """Reschedule, reprioritise, relabel."""
        return await self._each(
            CHANGE,
            wanted,
            [change.scheduled_time for change in to],
            [change.priority for change in to],
            [change.band for change in to],
            [change.labels for change in to],
        )

    async def take_back(self, wanted: Sequence[Wanted]) -> list[Job | None]:
        """Take it back to CREATED."""
        return await self._each(TAKE_BACK, wanted)

    async def abandon(self, wanted: Sequence[Wanted]) -> list[Job | None]:
        """Give it up."""
        return await self._each(ABANDON, wanted)

    async def schedule_now(
        self, wanted: Sequence[Wanted], sources: Sequence[Sequence[str]]
    ) -> list[Job | None]:
        """Make it due now, from one of its `sources`."""
        return await self._each(SCHEDULE_NOW, wanted, [" ".join(names) for names in sources])

    async def start_outside(
        self, wanted: Sequence[Wanted], starts: Sequence[OutsideStart]
    ) -> list[Job | None]:
        """Start an attempt for an executor outside."""
        return await self._each(
            START_OUTSIDE,
            wanted,
            [start.execution_id for start in starts],
            [start.token_hash for start in starts],
            OUTSIDE,
            self._timeout,
            self._grace,
        )

    async def outside_holder(self, job_id: UUID) -> asyncpg.Record | None:
        """Attempt and hash of the token of an attempt that was started by hand."""
        return await self._database.run(lambda raw: raw.fetchrow(OUTSIDE_HOLDER, job_id, OUTSIDE))

    async def done_by(self, wanted: Wanted) -> bool:
        """Whether that operation is in the job's history."""
        done: bool = await self._database.run(
            lambda raw: raw.fetchval(DONE_BY, wanted.job_id, wanted.operation)
        )
        return done

    async def _each(
        self, statement: str, wanted: Sequence[Wanted], *arguments: object
    ) -> list[Job | None]:
        ids = [one.job_id for one in wanted]
        versions, operations = [one.version for one in wanted], [one.operation for one in wanted]

        async def unit(raw: Raw) -> list[Job | None]:
            await raw.execute(LOCK, ids)
            rows = await raw.fetch(statement, ids, versions, operations, *arguments)
            changed = {row["id"]: job_of(row) for row in rows}
            return [changed.get(job_id) for job_id in ids]

        return await self._database.transaction(unit)
