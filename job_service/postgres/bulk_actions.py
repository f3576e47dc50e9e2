"""Bulk actions as they are kept: begun, read, stopped, forgotten. What a chunk does is in `bulk_chunks`."""

from collections.abc import Sequence
from typing import Any
from uuid import UUID

import asyncpg

from job_service.domain.bulk import Bulk, BulkItem, BulkState, BulkVerb, NewBulk
from job_service.domain.letters import LetterWish
from job_service.domain.listed import BEYOND
from job_service.postgres.database import Database, Raw

# Not if the key is taken, nor if as many as may be are open.
BEGIN = """
INSERT INTO bulk_actions (id, action, filter, dry_run, most_jobs, state, position, look_at,
                          idempotency_key, body_hash, created_at, updated_at)
SELECT $1, $2, $3, $4, $5, 'matching', $6, clock_timestamp(), $7, $8, clock_timestamp(), clock_timestamp()
WHERE (SELECT count(*) FROM (SELECT FROM bulk_actions WHERE finished_at IS NULL LIMIT $9) AS open) < $9
ON CONFLICT (idempotency_key) DO NOTHING
RETURNING *
"""

BY_KEY = "SELECT * FROM bulk_actions WHERE idempotency_key = $1"
BY_ID = "SELECT * FROM bulk_actions WHERE id = $1"
NEWEST = "SELECT * FROM bulk_actions WHERE id < $1 ORDER BY id DESC LIMIT $2"

# Whoever is at it has the row locked for a chunk's time, and finds it stopped with the next one.
STOP = """
UPDATE bulk_actions
SET state = 'stopped', updated_at = clock_timestamp(), finished_at = clock_timestamp()
WHERE id = $1 AND finished_at IS NULL
RETURNING *
"""

REPORT = """
SELECT job_id, version, outcome, note FROM bulk_action_jobs
WHERE action_id = $1 AND job_id < $2 AND ($3::text IS NULL OR coalesce(outcome, 'left') = $3)
ORDER BY job_id DESC LIMIT $4
"""

# Of actions that ended long ago: their jobs in small batches, then themselves.
FORGET_JOBS = """
DELETE FROM bulk_action_jobs WHERE ctid = ANY (ARRAY (
    SELECT r.ctid FROM (
        SELECT id FROM bulk_actions WHERE finished_at < statement_timestamp() - $1 * interval '1 second'
        ORDER BY finished_at LIMIT 10) AS old
    CROSS JOIN LATERAL (SELECT ctid FROM bulk_action_jobs WHERE action_id = old.id LIMIT $2) AS r
    LIMIT $2))
"""
FORGET = """
DELETE FROM bulk_actions WHERE id = ANY (ARRAY (
    SELECT b.id FROM bulk_actions AS b
    WHERE b.finished_at < statement_timestamp() - $1 * interval '1 second'
      AND NOT EXISTS (SELECT FROM bulk_action_jobs AS r WHERE r.action_id = b.id)
    ORDER BY b.finished_at LIMIT $2))
"""


def bulk_of(row: asyncpg.Record) -> Bulk:
    """A row as the action that it is."""
    return Bulk(
        id=row["id"],
        verb=BulkVerb(row["action"]),
        wish=LetterWish.from_kept(row["filter"]),
        dry_run=row["dry_run"],
        most_jobs=row["most_jobs"],
        state=BulkState(row["state"]),
        matched=row["matched"],
        done=row["done"],
        skipped=row["skipped"],
        failed=row["failed"],
        created_at=row["created_at"],
        updated_at=row["updated_at"],
        finished_at=row["finished_at"],
    )


class BulkActions:
    """Implements the store of `begin_bulk` and of the routes on bulk actions."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def begin(self, new: NewBulk, most_open: int) -> Bulk | None:
        """Keep a new action; None where its key is taken or `most_open` are open already."""
        row = await self._row(
            BEGIN,
            new.id,
            new.verb.value,
            new.wish.to_json(),
            new.dry_run,
            new.most_jobs,
            BEYOND,
            new.key,
            new.body_hash,
            most_open,
        )
        return None if row is None else bulk_of(row)

    async def of_key(self, key: str) -> tuple[Bulk, bytes] | None:
        """The action that was begun under a key, with the hash of its body."""
        row = await self._row(BY_KEY, key)
        return None if row is None else (bulk_of(row), row["body_hash"])

    async def get(self, bulk_id: UUID) -> Bulk | None:
        """One action."""
        row = await self._row(BY_ID, bulk_id)
        return None if row is None else bulk_of(row)

    async def list(self, below: UUID, limit: int) -> list[Bulk]:
        """Up to `limit` actions with ids smaller than `below`, newest first."""
        rows = await self._database.run(lambda raw: raw.fetch(NEWEST, below, limit))
        return [bulk_of(row) for row in rows]

    async def stop(self, bulk_id: UUID) -> Bulk | None:
        """End an open action where it is; None if there is no open one."""
        row = await self._row(STOP, bulk_id)
        return None if row is None else bulk_of(row)

    async def report(
        self, bulk_id: UUID, *, below: UUID, outcome: str | None, limit: int
    ) -> Sequence[BulkItem]:
        """Up to `limit` of its jobs with ids smaller than `below`, newest first; of one outcome, or all."""
        rows = await self._database.run(
            lambda raw: raw.fetch(REPORT, bulk_id, below, outcome, limit)
        )
        return [BulkItem(*row) for row in rows]

    async def forget(self, older_than_seconds: float, limit: int) -> int:
        """Drop up to `limit` jobs of old actions, and old actions that have none left; how many of both."""

        async def unit(raw: Raw) -> tuple[str, str]:
            jobs = await raw.execute(FORGET_JOBS, older_than_seconds, limit)
            return jobs, await raw.execute(FORGET, older_than_seconds, limit)

        done = await self._database.run(unit)
        return sum(int(tag.split()[-1]) for tag in done)

    async def _row(self, statement: str, *arguments: Any) -> asyncpg.Record | None:
        return await self._database.run(lambda raw: raw.fetchrow(statement, *arguments))
