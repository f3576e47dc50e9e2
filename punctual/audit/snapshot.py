"""One picture of the database: the only file of the audit that knows SQL and the driver.

Everything is read in one transaction, REPEATABLE READ and READ ONLY, so a system may run meanwhile and a
replica will do. Tables are read in the order of job ids with cursors; the server never sorts and this side
keeps one page.
"""

import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from datetime import UTC, date, datetime
from typing import Any
from uuid import UUID

import asyncpg
from asyncpg.cursor import Cursor

from punctual.audit.merge import Page
from punctual.audit.world import Terms, World
from punctual.cli.problems import NotPunctual, Unreachable
from shared.kernel.ids import first_id_of

CONNECT_SECONDS = 10.0
CLOSE_SECONDS = 5.0
PAGE_SECONDS = 300.0
"""For one page of one table: a cold disk is slow, and a server that hangs is given up."""

# A backend that is killed shows as any of these.
_BROKEN = (
    OSError,
    TimeoutError,
    asyncpg.PostgresError,
    asyncpg.InterfaceError,
    asyncpg.InternalClientError,
)

# An order by an index costs no memory of the server; a sort of a whole table would go to its disk.
SETTINGS = """
SET LOCAL enable_sort = off; SET LOCAL jit = off; SET LOCAL max_parallel_workers_per_gather = 0;
SET LOCAL statement_timeout = 0; SET LOCAL idle_in_transaction_session_timeout = 0;
"""

# What is read of each job, and how many rows a page has. Results may be large, so jobs come in short pages.
STREAMS = {
    "job": (
        """SELECT id AS job_id, status, version, attempt, failures, lost, max_attempts, node, job_type, band,
                  dispatch_at, due_at, next_attempt_at, updated_at, created_at, ordering_key,
                  result::text AS result, error
           FROM jobs WHERE id >= $1 ORDER BY id""",
        250,
    ),
    "deleted": (
        """SELECT job_id, status, version, deleted_at FROM deleted_jobs WHERE job_id >= $1 ORDER BY job_id""",
        1_000,
    ),
    "history": (
        """SELECT job_id, version, from_status, to_status, attempt, node, at, reason, actor, result_hash
           FROM job_history WHERE job_id >= $1 ORDER BY job_id, version""",
        2_000,
    ),
    "executions": (
        """SELECT job_id, attempt, id, node, status, due_at, leased_at, started_at, ended_at, result_hash
           FROM executions WHERE job_id >= $1 ORDER BY job_id, attempt""",
        1_000,
    ),
    "due": (
        "SELECT job_id, job_type, band, dispatch_at FROM due WHERE job_id >= $1 ORDER BY job_id",
        1_000,
    ),
    "inflight": (
        """SELECT job_id, attempt, scheduler, worker, ready_at, since, look_at FROM inflight
           WHERE job_id >= $1 ORDER BY job_id""",
        1_000,
    ),
    "in_line": (
        "SELECT job_id, ordering_key, place, status FROM in_line WHERE job_id >= $1 ORDER BY job_id",
        1_000,
    ),
    "unsuccessful": (
        "SELECT job_id, status FROM unsuccessful WHERE job_id >= $1 ORDER BY job_id",
        1_000,
    ),
}

WORLD = """
SELECT now() AS now, t.ticked_at, t.suspended_until,
       (SELECT count(*) FROM due WHERE dispatch_at < now() - interval '1 minute') AS overdue,
       (SELECT min(dispatch_at) FROM due) AS oldest
FROM (SELECT 1) AS one LEFT JOIN reaper_tick AS t ON true
"""

KEPT = """
SELECT status, sum(jobs)::bigint AS jobs
FROM (SELECT status, jobs FROM job_counts UNION ALL SELECT status, delta FROM job_count_deltas) AS c
GROUP BY status
"""
FOUND = "SELECT status, count(*) AS jobs FROM jobs GROUP BY status"

PARTITIONS = """
SELECT c.relname AS name, greatest(c.reltuples, 0)::bigint AS rows FROM pg_inherits AS i
JOIN pg_class AS c ON c.oid = i.inhrelid WHERE i.inhparent = 'job_history'::regclass ORDER BY c.relname
"""
_DAY = re.compile(r"job_history_(\d{4})(\d\d)(\d\d)")


class Snapshot:
    """An open snapshot. `pages` and `world` may be asked until it is closed."""

    def __init__(self, connection: asyncpg.Connection, since: datetime | None) -> None:
        self._connection = connection
        self._since = since
        self._first = UUID(int=0) if since is None else first_id_of(int(since.timestamp() * 1000))
        self.expected_rows = 0
        """Rows of history that statistics expect; 0 if they know nothing."""

    async def world(self, terms: Terms) -> World:
        """The clock, nodes and sums. With `since` the sums are left out: they are kept over all jobs."""
        row = await self._connection.fetchrow(WORLD)
        assert row is not None
        kept = found = []
        if self._since is None:
            kept, found = await self._connection.fetch(KEPT), await self._connection.fetch(FOUND)
        partitions = await self._connection.fetch(PARTITIONS)
        self.expected_rows = sum(part["rows"] for part in partitions)
        return World(
            now=row["now"],
            terms=terms,
            since=self._since,
            ticked_at=row["ticked_at"],
            suspended_until=row["suspended_until"],
            counts_kept={one["status"]: one["jobs"] for one in kept},
            counts_found={one["status"]: one["jobs"] for one in found},
            overdue=row["overdue"],
            oldest_overdue=row["oldest"] if row["overdue"] else None,
            history_days=[
                date(*map(int, match.groups()))
                for part in partitions
                if (match := _DAY.fullmatch(part["name"]))
            ],
        )

    async def pages(self) -> dict[str, Page]:
        """A cursor on each table, by the names of `Story`."""
        return {
            name: _reader(await self._connection.cursor(statement, self._first), size)
            for name, (statement, size) in STREAMS.items()
        }


def _reader(cursor: "Cursor[Any]", size: int) -> Page:
    async def next_page() -> list[Any]:
        return await cursor.fetch(size, timeout=PAGE_SECONDS)

    return next_page


@asynccontextmanager
async def open_snapshot(url: str, place: str, since: datetime | None) -> AsyncIterator[Snapshot]:
    """A snapshot of that database; `place` is how messages call it.

    Raises:
        Unreachable: no connection, or it broke.
        NotPunctual: it has no tables of Punctual, or those of another version.
    """
    dsn = re.sub(r"^postgres(ql)?(\+\w+)?://", "postgresql://", url)
    try:
        connection = await asyncpg.connect(
            dsn, timeout=CONNECT_SECONDS, server_settings={"application_name": "punctual audit"}
        )
    except (
        OSError,
        TimeoutError,
        ValueError,
        asyncpg.PostgresError,
        asyncpg.InterfaceError,
    ) as error:
        raise Unreachable(
            f"{place} cannot be reached: {_why(error)}. Is it up, and is that the right address (--database)?"
        ) from None
    try:
        async with connection.transaction(isolation="repeatable_read", readonly=True):
            await connection.execute(SETTINGS)
            yield Snapshot(connection, since)
    except (asyncpg.UndefinedTableError, asyncpg.UndefinedColumnError) as error:
        raise NotPunctual(
            f"{place} is no database of this version of Punctual: {error}."
            " Is that the right address (--database), and are its migrations done?"
        ) from None
    except _BROKEN as error:
        raise Unreachable(f"{place} did not go on answering: {_why(error)}. Ask again.") from None
    finally:
        with suppress(*_BROKEN):
            await connection.close(timeout=CLOSE_SECONDS)


def _why(error: Exception) -> str:
    return str(error).strip().rstrip(".") or type(error).__name__


def moment_of(text: str) -> datetime:
    """A time as the command reads it."""
    return datetime.fromisoformat(text).astimezone(UTC)
