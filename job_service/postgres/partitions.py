"""Partitions by day of history and executions, and the retention that drops them (R13)."""

from datetime import date
from uuid import UUID

from job_service.domain.days import Day, day_of_id, day_of_suffix
from job_service.postgres.database import Database, Raw

TABLES = ("job_history", "executions")

EXISTING = """
SELECT c.relname FROM pg_inherits AS i JOIN pg_class AS c ON c.oid = i.inhrelid
WHERE i.inhparent = $1::regclass AND c.relname <> $2 ORDER BY c.relname
"""

TODAY = "SELECT (clock_timestamp() AT TIME ZONE 'UTC')::date"

NEXT_JOB = "SELECT id FROM jobs WHERE id >= $1 AND id < $2 ORDER BY id LIMIT 1"

# Whether a job of the range is unsettled: it has a narrow row then (R6).
UNSETTLED = """
SELECT EXISTS (SELECT FROM due WHERE job_id >= $1 AND job_id < $2)
    OR EXISTS (SELECT FROM inflight WHERE job_id >= $1 AND job_id < $2)
    OR EXISTS (SELECT FROM in_line WHERE job_id >= $1 AND job_id < $2)
"""
# Whether a job of the range has changed, or was deleted, within that time.
RECENT = """
SELECT EXISTS (SELECT FROM jobs WHERE id >= $1 AND id < $2
               AND updated_at >= clock_timestamp() - $3 * interval '1 second')
    OR EXISTS (SELECT FROM deleted_jobs WHERE job_id >= $1 AND job_id < $2
               AND deleted_at >= clock_timestamp() - $3 * interval '1 second')
"""

# Settled jobs of the range that are old enough, in small batches with the rows that hang on them.
DELETE_SETTLED = """
WITH old AS MATERIALIZED (
    SELECT id FROM jobs
    WHERE id >= $1 AND id < $2 AND id > $5 AND next_attempt_at IS NULL
      AND status IN ('SUCCESS', 'CANCELLED', 'EXPIRED', 'ABANDONED', 'FAILED', 'STOPPED')
      AND updated_at < clock_timestamp() - $3 * interval '1 second'
    ORDER BY id LIMIT $4 FOR UPDATE SKIP LOCKED
),
letters AS (
    DELETE FROM unsuccessful AS u USING old WHERE u.job_id = old.id
      AND u.status IN ('CANCELLED', 'EXPIRED', 'ABANDONED', 'FAILED', 'STOPPED')
),
expiry AS (DELETE FROM expiring WHERE job_id = ANY (ARRAY (SELECT id FROM old))),
history AS (
    DELETE FROM job_history
    WHERE $6 AND job_id >= $1 AND job_id < $2 AND job_id = ANY (ARRAY (SELECT id FROM old))
),
executed AS (
    DELETE FROM executions
    WHERE $6 AND job_id >= $1 AND job_id < $2 AND job_id = ANY (ARRAY (SELECT id FROM old))
),
gone AS (DELETE FROM jobs WHERE id = ANY (ARRAY (SELECT id FROM old)) RETURNING id, status),
counted AS (
    INSERT INTO job_count_deltas (status, delta) SELECT status, -count(*) FROM gone GROUP BY status
)
SELECT count(*) AS deleted, max(id::text)::uuid AS last FROM gone
"""

EXPIRE_KEYS = """
DELETE FROM idempotency_keys WHERE ctid = ANY (ARRAY (
    SELECT ctid FROM idempotency_keys
    WHERE created_at < statement_timestamp() - $1 * interval '1 second' ORDER BY created_at LIMIT $2))
"""


class Partitions:
    """Implements the stores of the duties partitions and retention."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def today(self) -> date:
        """The day by the database clock, UTC."""
        day: date = await self._database.run(lambda raw: raw.fetchval(TODAY))
        return day

    async def days(self, table: str) -> list[Day]:
        """The days that `table` has a partition for, oldest first."""
        rows = await self._database.run(lambda raw: raw.fetch(EXISTING, table, f"{table}_default"))
        return [day_of_suffix(row["relname"].rsplit("_", 1)[1]) for row in rows]

    async def days_with_jobs(self, before: Day) -> list[Day]:
        """The days before that one on which a job was made that is still here: one look-up a day."""

        async def unit(raw: Raw) -> list[Day]:
            found: list[Day] = []
            start = UUID(int=0)
            while (job_id := await raw.fetchval(NEXT_JOB, start, before.first)) is not None:
                found.append(day_of_id(job_id))
                start = found[-1].end
            return found

        return await self._database.run(unit)

    async def make(self, table: str, day: Day) -> None:
        """Make the partition of a day. Attached, not created in place: that locks the table for less."""
        name = f"{table}_{day.suffix}"

        async def unit(raw: Raw) -> None:
            await raw.execute(
                f"CREATE TABLE {name} (LIKE {table} INCLUDING DEFAULTS INCLUDING CONSTRAINTS)"
            )
            await raw.execute(
                f"ALTER TABLE {table} ATTACH PARTITION {name} "
                f"FOR VALUES FROM ('{day.first}') TO ('{day.end}')"
            )

        await self._database.transaction(unit)

    async def has_unsettled(self, day: Day) -> bool:
        """Whether a job made that day is not settled yet (R13)."""
        return bool(
            await self._database.run(lambda raw: raw.fetchval(UNSETTLED, day.first, day.end))
        )

    async def has_recent(self, day: Day, within_seconds: float) -> bool:
        """Whether a job made that day changed, or was deleted, within that time."""
        return bool(
            await self._database.run(
                lambda raw: raw.fetchval(RECENT, day.first, day.end, within_seconds)
            )
        )

    async def delete_settled(
        self, day: Day, older_than_seconds: float, limit: int, after: UUID, *, singly: bool
    ) -> tuple[int, UUID | None]:
        """Delete up to `limit` settled, old jobs of the day with ids above `after`; with `singly` their
        history and executions too (else the partition is about to be dropped). How many, and the last."""
        row = await self._database.run(
            lambda raw: raw.fetchrow(
                DELETE_SETTLED, day.first, day.end, older_than_seconds, limit, after, singly
            )
        )
        assert row is not None
        return row["deleted"], row["last"]

    async def drop(self, table: str, day: Day) -> None:
        """Drop the partition of a day."""
        await self._database.run(lambda raw: raw.execute(f"DROP TABLE {table}_{day.suffix}"))

    async def expire_keys(self, older_than_seconds: float, limit: int) -> int:
        """Forget idempotency keys that are too old; how many."""
        done = await self._database.run(
            lambda raw: raw.execute(EXPIRE_KEYS, older_than_seconds, limit)
        )
        return int(done.split()[-1])
