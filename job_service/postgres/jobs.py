"""Jobs: create them, read them, their history and their executions."""

from collections.abc import Sequence
from typing import Any
from uuid import UUID

import asyncpg

from job_service.domain.job import Job, NewJob
from job_service.operations.outcomes import KeysTaken
from job_service.operations.problems import KeyInFlight
from job_service.postgres.database import Database, Raw
from shared.contracts.states import JobStatus
from shared.runtime import failpoints

# Creates a batch. A due time in the past keeps its promise in due_at, but is dispatched from now on. A job with
# an ordering key comes to the shelf, or into the line of its key, by arrange_keys() (ADR 0012).
INSERT = """
WITH born AS (
    INSERT INTO jobs (id, name, job_type, payload, status, max_attempts, timeout_seconds, priority, band,
                      ordering_key, scheduled_time, due_at, ready_at, dispatch_at, expires_at, labels,
                      traceparent, rerun_of, created_at, updated_at)
    SELECT n.id, n.name, n.job_type, n.payload::jsonb, 'CREATED', n.max_attempts, n.timeout_seconds,
           n.priority, n.band, n.ordering_key, coalesce(n.scheduled_time, now()),
           coalesce(n.scheduled_time, now()), greatest(n.scheduled_time, now()),
           greatest(n.scheduled_time, now()), n.expires_at, n.labels::jsonb, n.traceparent, n.rerun_of,
           now(), now()
    FROM unnest($1::uuid[], $2::text[], $3::text[], $4::text[], $5::int[], $6::float8[], $7::smallint[],
                $8::smallint[], $9::text[], $10::timestamptz[], $11::timestamptz[], $12::text[],
                $13::text[], $14::uuid[])
         AS n (id, name, job_type, payload, max_attempts, timeout_seconds, priority, band, ordering_key,
               scheduled_time, expires_at, labels, traceparent, rerun_of)
    ON CONFLICT (id) DO NOTHING
    RETURNING *
),
history AS (
    INSERT INTO job_history (job_id, version, from_status, to_status, attempt, at, reason, actor)
    SELECT id, 0, NULL, status, 0, clock_timestamp(), 'created', 'client' FROM born
),
armed AS (
    INSERT INTO due (job_id, job_type, band, dispatch_at)
    SELECT id, job_type, band, dispatch_at FROM born WHERE ordering_key IS NULL
),
expiry AS (
    INSERT INTO expiring (job_id, expires_at)
    SELECT id, expires_at FROM born WHERE expires_at IS NOT NULL
),
counted AS (
    INSERT INTO job_count_deltas (status, delta)
    SELECT 'CREATED', count(*) FROM born HAVING count(*) > 0
)
SELECT born.*, born.dispatch_at <= now() + $15 * interval '1 second' AS soon FROM born
"""

# Takes idempotency keys in sorted order (R25), so that two batches never wait for each other in a circle.
TAKE_KEYS = """
INSERT INTO idempotency_keys (key, body_hash, job_id, created_at)
SELECT k.key, k.body_hash, k.job_id, now()
FROM unnest($1::text[], $2::bytea[], $3::uuid[]) AS k (key, body_hash, job_id) ORDER BY k.key
ON CONFLICT (key) DO NOTHING
RETURNING job_id
"""

# The winner of a key is read by a second statement: the first one's snapshot does not show it (R25).
KEYS = "SELECT key, body_hash, job_id FROM idempotency_keys WHERE key = ANY ($1::text[])"

BY_IDS = "SELECT * FROM jobs WHERE id = ANY ($1::uuid[])"

HISTORY_OF = """
SELECT version, from_status, to_status, attempt, node, at, reason, actor, operation
FROM job_history WHERE job_id = $1 ORDER BY version
"""

_EXECUTION = """id, job_id, attempt, node, status, due_at, leased_at, started_at, ended_at, claimed_at,
published_at, received_at, error, notes, progress"""
EXECUTIONS_OF = f"SELECT {_EXECUTION} FROM executions WHERE job_id = $1 ORDER BY attempt"
EXECUTION = f"SELECT {_EXECUTION} FROM executions WHERE id = $1"

# A page of every node's executions, newest lease first: their ids are ordered by time.
EXECUTIONS_BEFORE = f"SELECT {_EXECUTION} FROM executions WHERE id < $1 ORDER BY id DESC LIMIT $2"

Row = asyncpg.Record


def job_of(row: Row) -> Job:
    """A row of `jobs` as a value."""
    return Job(
        id=row["id"],
        name=row["name"],
        status=JobStatus(row["status"]),
        job_type=row["job_type"],
        payload=row["payload"],
        scheduled_time=row["scheduled_time"],
        due_at=row["due_at"],
        priority=row["priority"],
        ordering_key=row["ordering_key"],
        attempt=row["attempt"],
        failures=row["failures"],
        lost=row["lost"],
        max_attempts=row["max_attempts"],
        timeout_seconds=row["timeout_seconds"],
        expires_at=row["expires_at"],
        next_attempt_at=row["next_attempt_at"],
        cancel_requested=row["cancel_requested"],
        labels=row["labels"],
        created_at=row["created_at"],
        updated_at=row["updated_at"],
        started_at=row["started_at"],
        finished_at=row["finished_at"],
        result=row["result"],
        error=row["error"],
        version=row["version"],
        node=row["node"],
        rerun_of=row["rerun_of"],
    )


class Jobs:
    """Implements the stores of `create_jobs` and of the reading routes."""

    def __init__(self, database: Database, *, lookahead_seconds: float) -> None:
        self._database = database
        self._lookahead = lookahead_seconds

    async def insert(
        self, jobs: Sequence[NewJob], *, all_or_none: bool = False
    ) -> tuple[list[Job], bool]:
        """Create jobs in one transaction (one statement, where no job has a key); the created ones, and
        whether one is due within the look-ahead.

        A job whose id is there already is not created again. One whose idempotency key is taken is left
        out; `owners_of` tells by whom.

        Raises:
            KeysTaken: with `all_or_none`, if a key is taken; nothing was created.
            KeyInFlight: another transaction took a key and did not end in time; nothing was created.
        """
        keyed = any(job.idempotency_key is not None for job in jobs)
        run = self._database.transaction if keyed else self._database.run
        rows = await run(lambda raw: self._insert(raw, jobs, all_or_none))
        failpoints.hit("create.committed")
        return [job_of(row) for row in rows], any(row["soon"] for row in rows)

    async def _insert(self, raw: Raw, jobs: Sequence[NewJob], all_or_none: bool) -> list[Row]:
        keyed = [job for job in jobs if job.idempotency_key is not None]
        if keyed:
            mine = await self._take_keys(raw, keyed)
            if all_or_none and len(mine) < len(keyed):
                raise KeysTaken
            jobs = [job for job in jobs if job.idempotency_key is None or job.id in mine]
        if not jobs:
            return []
        rows: list[Row] = await raw.fetch(INSERT, *_columns(jobs), self._lookahead)
        if keyed:
            failpoints.hit("create.in-transaction")
        return rows

    async def _take_keys(self, raw: Raw, keyed: Sequence[NewJob]) -> set[UUID]:
        """The jobs that got their key. Waits for whoever took a key and has not committed."""
        try:
            taken = await raw.fetch(
                TAKE_KEYS,
                [job.idempotency_key for job in keyed],
                [job.body_hash for job in keyed],
                [job.id for job in keyed],
            )
        except asyncpg.LockNotAvailableError:
            raise KeyInFlight from None
        return {row["job_id"] for row in taken}

    async def owners_of(self, keys: Sequence[str]) -> dict[str, tuple[bytes, UUID]]:
        """For each idempotency key that is taken: hash of the body and id of its job."""
        rows = await self._database.run(lambda raw: raw.fetch(KEYS, list(keys)))
        return {row["key"]: (row["body_hash"], row["job_id"]) for row in rows}

    async def by_ids(self, ids: Sequence[UUID]) -> dict[UUID, Job]:
        """The jobs that exist among `ids`."""
        rows = await self._database.run(lambda raw: raw.fetch(BY_IDS, list(ids)))
        return {row["id"]: job_of(row) for row in rows}

    async def get(self, job_id: UUID) -> Job | None:
        """One job."""
        return (await self.by_ids([job_id])).get(job_id)

    async def history_of(self, job_id: UUID) -> list[Row]:
        """Every transition of a job, oldest first."""
        return await self._database.run(lambda raw: raw.fetch(HISTORY_OF, job_id))

    async def executions_of(self, job_id: UUID) -> list[Row]:
        """Every attempt that was leased, oldest first."""
        return await self._database.run(lambda raw: raw.fetch(EXECUTIONS_OF, job_id))

    async def execution(self, execution_id: UUID) -> Row | None:
        """One execution."""
        return await self._database.run(lambda raw: raw.fetchrow(EXECUTION, execution_id))

    async def executions_before(self, execution_id: UUID, limit: int) -> list[Row]:
        """Up to `limit` executions of all nodes that were leased before that one, newest first."""
        return await self._database.run(
            lambda raw: raw.fetch(EXECUTIONS_BEFORE, execution_id, limit)
        )


def _columns(jobs: Sequence[NewJob]) -> tuple[list[Any], ...]:
    ordered = sorted(jobs, key=lambda job: job.id)
    return (
        [job.id for job in ordered],
        [job.name for job in ordered],
        [job.job_type for job in ordered],
        [job.payload for job in ordered],
        [job.max_attempts for job in ordered],
        [job.timeout_seconds for job in ordered],
        [job.priority for job in ordered],
        [job.band for job in ordered],
        [job.ordering_key for job in ordered],
        [job.scheduled_time for job in ordered],
        [job.expires_at for job in ordered],
        [job.labels for job in ordered],
        [job.traceparent for job in ordered],
        [job.rerun_of for job in ordered],
    )
