"""Lists of jobs, each page by one statement, so by one picture of the database.

The status of a job is in no index of `jobs` (DESIGN section 5). Where a list names only states that a narrow
table knows, it walks those tables, merged in the order of ids; else it walks `jobs`. Both walks go down by id
from the end of the page before, so a job is on one page at most, and one that fits all the time is on one. A
walk has a bound: a page may come short, or empty, and go on below where the walk ended.
"""

import json
from collections.abc import Sequence
from typing import Any
from uuid import UUID

import asyncpg

from job_service.domain.job import Job
from job_service.domain.listed import Page, Wish, just_after
from job_service.domain.priority import BANDS
from job_service.postgres.database import Database, Raw
from job_service.postgres.jobs import job_of
from job_service.postgres.lookup import lookup
from shared.contracts.states import JobStatus

STRETCH_JOBS = 20_000
"""Rows of `jobs` that one page looks at."""

NARROW_JOBS = 3_000
"""Rows of narrow tables that one page looks at; each leads to a lookup in `jobs`."""

PAGE_BYTES = 4_194_304
"""Payloads and results of one page, as they are stored; the job that goes beyond is the last one."""

MOST_READY = 1_000
"""Jobs in a list of what is ready."""

UNSUCCESSFUL = ("FAILED", "CANCELLED", "STOPPED", "EXPIRED", "ABANDONED")
NARROW = frozenset(map(JobStatus, ("CREATED", "SCHEDULED", "RUNNING", *UNSUCCESSFUL)))
"""States that the narrow tables know. Of SUCCESS there is no narrow row."""

# With wrong statistics a bitmap of all that is below looks cheaper than a walk that ends early.
WALK = "SET LOCAL enable_bitmapscan = off"

# What a list asks for, of `jobs AS j`.
_FITS = """
($5::text[] IS NULL OR j.status = ANY ($5)) AND ($6::text IS NULL OR j.job_type = $6)
AND ($7::text IS NULL OR starts_with(j.name, $7)) AND ($8::jsonb IS NULL OR j.labels @> $8)
AND ($9::timestamptz IS NULL OR j.scheduled_time >= $9)
AND ($10::timestamptz IS NULL OR j.scheduled_time < $10)
AND ($11::timestamptz IS NULL OR j.created_at >= $11)
AND ($12::timestamptz IS NULL OR j.created_at < $12)
"""


def _with_bytes_before(rows: str, order: str) -> str:
    """The rows with a number beside each: the bytes of all before it."""
    size = "coalesce(pg_column_size(r.payload), 0) + coalesce(pg_column_size(r.result), 0)"
    return f"""SELECT r.*, sum({size}) OVER (ORDER BY {order} ROWS UNBOUNDED PRECEDING) - ({size}) AS before
    FROM {rows} AS r"""


def reply(end_of_walk: str) -> str:
    """A page, how many were found for it, and where the walk ended if its bound did end it: `below`, whose
    own job was looked at."""
    return f"""
SELECT p.*, f.found, f.below
FROM (SELECT count(*) AS found, CASE WHEN count(*) < $4 THEN ({end_of_walk}) END AS below FROM page) AS f
LEFT JOIN ({_with_bytes_before("page", "r.id DESC")}) AS p ON p.before < $13
ORDER BY p.id DESC
"""


# A page of whatever fits, by walking through `jobs`.
STRETCH = f"""
WITH page AS MATERIALIZED (
    SELECT j.* FROM (
        SELECT * FROM jobs WHERE id < $1 AND id >= $2 ORDER BY id DESC LIMIT $3
    ) AS j
    WHERE {_FITS} ORDER BY j.id DESC LIMIT $4
)
{reply("SELECT id FROM jobs WHERE id < $1 AND id >= $2 ORDER BY id DESC LIMIT 1 OFFSET $3 - 1")}
"""

_DOWN = "job_id < $1 AND job_id >= $2 ORDER BY job_id DESC LIMIT $3"
# For CREATED all of `due` and of the lines is walked through, so that what is armed again is met there already.
_AGAIN = "status = '{0}' AND '{0}' = ANY ($5) AND NOT 'CREATED' = ANY ($5)"
_NARROW_ROWS = (
    f"SELECT job_id FROM due WHERE 'CREATED' = ANY ($5) AND {_DOWN}",
    f"SELECT job_id FROM due WHERE {_AGAIN.format('SCHEDULED')} AND {_DOWN}",
    f"SELECT job_id FROM due WHERE {_AGAIN.format('FAILED')} AND {_DOWN}",
    f"SELECT job_id FROM in_line WHERE 'CREATED' = ANY ($5) AND {_DOWN}",
    f"SELECT job_id FROM in_line WHERE {_AGAIN.format('SCHEDULED')} AND {_DOWN}",
    f"SELECT job_id FROM in_line WHERE {_AGAIN.format('FAILED')} AND {_DOWN}",
    f"SELECT job_id FROM inflight WHERE $5 && '{{SCHEDULED, RUNNING}}'::text[] AND {_DOWN}",
    *(
        f"SELECT job_id FROM unsuccessful WHERE status = '{name}' AND '{name}' = ANY ($5) AND {_DOWN}"
        for name in UNSUCCESSFUL
    ),
)


def _merged() -> str:
    """The ids in all narrow tables that the states lead to, newest first."""
    rows = " UNION ALL ".join(f"({one})" for one in _NARROW_ROWS)
    return f"SELECT job_id FROM ({rows}) AS n ORDER BY job_id DESC"


# A page of jobs in states that narrow tables know.
BY_STATUS = f"""
WITH page AS MATERIALIZED (
    SELECT j.* FROM ({_merged()} LIMIT $3) AS c
    CROSS JOIN LATERAL (SELECT * FROM jobs WHERE {lookup("jobs.id", "c.job_id")}) AS j
    WHERE {_FITS} ORDER BY c.job_id DESC LIMIT $4
)
{reply(f"{_merged()} LIMIT 1 OFFSET $3 - 1")}
"""

# CREATED and due, in the order in which a claim would take them: best band first, the earliest of a type first.
READY_TO_SCHEDULE = f"""
WITH RECURSIVE type AS (
    (SELECT job_type FROM due ORDER BY job_type LIMIT 1)
    UNION ALL
    SELECT (SELECT due.job_type FROM due WHERE due.job_type > type.job_type ORDER BY due.job_type LIMIT 1)
    FROM type WHERE type.job_type IS NOT NULL
),
shelf AS MATERIALIZED (
    SELECT job_type, band FROM type CROSS JOIN unnest(ARRAY {list(BANDS)}::smallint[]) AS b (band)
    WHERE job_type IS NOT NULL ORDER BY band, job_type
),
ready AS MATERIALIZED (
    SELECT d.job_id FROM shelf CROSS JOIN LATERAL (
        SELECT due.job_id, due.status FROM due
        WHERE due.job_type = shelf.job_type AND due.band = shelf.band AND due.dispatch_at <= now()
        ORDER BY due.dispatch_at LIMIT $1
    ) AS d WHERE d.status = 'CREATED' LIMIT $1
),
job AS MATERIALIZED (
    SELECT j.* FROM ready AS r JOIN jobs AS j ON {lookup("j.id", "r.job_id")} WHERE j.status = 'CREATED'
)
SELECT * FROM ({_with_bytes_before("job", "r.band, r.job_type, r.dispatch_at, r.id")}) AS ready_job
WHERE before < $2 ORDER BY band, job_type, dispatch_at, id
"""

# SCHEDULED and not leased: claimed, or armed again. The earliest first.
READY_TO_RUN = f"""
WITH ready AS MATERIALIZED (
    (SELECT job_id FROM inflight WHERE scheduler IS NOT NULL ORDER BY scheduler, claim_seq LIMIT $1)
    UNION ALL
    (SELECT job_id FROM due WHERE status = 'SCHEDULED' ORDER BY job_id LIMIT $1)
),
job AS MATERIALIZED (
    SELECT j.* FROM ready AS r JOIN jobs AS j ON {lookup("j.id", "r.job_id")}
    WHERE j.status = 'SCHEDULED' AND j.node IS NULL ORDER BY j.ready_at, j.id LIMIT $1
)
SELECT * FROM ({_with_bytes_before("job", "r.ready_at, r.id")}) AS ready_job
WHERE before < $2 ORDER BY ready_at, id
"""


class Listing:
    """Implements the store of the routes that list jobs."""

    def __init__(
        self, database: Database, *, stretch: int = STRETCH_JOBS, narrow: int = NARROW_JOBS
    ) -> None:
        self._database = database
        self._stretch = stretch
        self._narrow = narrow

    async def page(self, wish: Wish, *, below: UUID | None, limit: int) -> Page:
        """Up to `limit` jobs that fit, newest first, with ids smaller than `below`."""
        narrow = bool(wish.statuses) and wish.statuses <= NARROW
        statement, bound = (BY_STATUS, self._narrow) if narrow else (STRETCH, self._stretch)
        end = wish.end_id if below is None else min(below, wish.end_id)
        arguments = (end, wish.first_id, bound, limit + 1, *_filters(wish), PAGE_BYTES)
        return _page(await self._walk(statement, *arguments), limit)

    async def ready_to_schedule(self) -> list[Job]:
        """CREATED and due, best band first; at most `MOST_READY`, and not far beyond `PAGE_BYTES`."""
        rows = await self._walk(READY_TO_SCHEDULE, MOST_READY, PAGE_BYTES)
        return [job_of(row) for row in rows]

    async def ready_to_run(self) -> list[Job]:
        """SCHEDULED and not leased, earliest first; at most `MOST_READY`, and not far beyond `PAGE_BYTES`."""
        return [job_of(row) for row in await self._walk(READY_TO_RUN, MOST_READY, PAGE_BYTES)]

    async def _walk(self, statement: str, *arguments: Any) -> list[asyncpg.Record]:
        async def unit(raw: Raw) -> list[asyncpg.Record]:
            await raw.execute(WALK)
            rows: list[asyncpg.Record] = await raw.fetch(statement, *arguments)
            return rows

        return await self._database.transaction(unit)


def _filters(wish: Wish) -> tuple[Any, ...]:
    return (
        sorted(wish.statuses) or None,
        wish.job_type,
        wish.name,
        json.dumps(wish.labels) if wish.labels else None,
        wish.scheduled_from,
        just_after(wish.scheduled_to),
        wish.created_from,
        just_after(wish.created_to),
    )


def _page(rows: Sequence[asyncpg.Record], limit: int) -> Page:
    found, below = rows[0]["found"], rows[0]["below"]
    jobs = [job_of(row) for row in rows[:limit] if row["id"] is not None]
    if len(jobs) < found:
        below = jobs[-1].id
    return Page(jobs, below)
