"""Dead letters: the FAILED rows of `unsuccessful`, by pages, newest first.

The walk goes down the narrow table by id, through the letters of one type or of one reason where the wish names
one, so its cost follows the answer. What else the wish asks is looked up in `jobs`; a walk has a bound, so a
page may come short, or empty, and go on below where the walk ended.
"""

import json
from typing import Any
from uuid import UUID

import asyncpg

from job_service.domain.letters import Letter, LetterPage, LetterWish
from job_service.domain.listed import just_after
from job_service.postgres.database import Database, Raw
from job_service.postgres.jobs import job_of
from job_service.postgres.listing import NARROW_JOBS, PAGE_BYTES, WALK, reply
from job_service.postgres.lookup import lookup

PLACES = ("job_type = $5", "reason = $6", "true")
"""What the walk itself is narrowed to: one index for each."""

FITS = """
($5::text IS NULL OR j.job_type = $5) AND ($6::text IS NULL OR c.reason = $6)
AND ($7::text IS NULL OR starts_with(j.name, $7)) AND ($8::jsonb IS NULL OR j.labels @> $8)
AND ($9::timestamptz IS NULL OR j.created_at >= $9)
AND ($10::timestamptz IS NULL OR j.created_at < $10)
AND ($11::timestamptz IS NULL OR j.finished_at >= $11)
AND ($12::timestamptz IS NULL OR j.finished_at < $12)
"""


def walk(place: str) -> str:
    """The letters of one place below $1, not below $2, newest first."""
    return f"""SELECT job_id, reason FROM unsuccessful
    WHERE status = 'FAILED' AND {place} AND job_id < $1 AND job_id >= $2 ORDER BY job_id DESC"""


def _page(place: str) -> str:
    return f"""
WITH page AS MATERIALIZED (
    SELECT j.*, c.reason AS letter_reason FROM ({walk(place)} LIMIT $3) AS c
    CROSS JOIN LATERAL (SELECT * FROM jobs WHERE {lookup("jobs.id", "c.job_id")}) AS j
    WHERE {FITS} ORDER BY c.job_id DESC LIMIT $4
)
{reply(f"SELECT job_id FROM ({walk(place)} LIMIT 1 OFFSET $3 - 1) AS last")}
"""


OF_TYPE = _page(PLACES[0])
OF_REASON = _page(PLACES[1])
OF_ALL = _page(PLACES[2])


def place_of(wish: LetterWish) -> int:
    """Which walk leads to the fewest letters: that of one type, of one reason, or of all."""
    if wish.job_type is not None:
        return 0
    return 1 if wish.reason is not None else 2


def filters(wish: LetterWish) -> tuple[Any, ...]:
    """The parameters of `FITS`."""
    return (
        wish.job_type,
        wish.reason,
        wish.name,
        json.dumps(wish.labels) if wish.labels else None,
        wish.created_from,
        just_after(wish.created_to),
        wish.finished_from,
        just_after(wish.finished_to),
    )


class DeadLetters:
    """Implements the store of the routes on dead letters."""

    def __init__(self, database: Database, *, narrow: int = NARROW_JOBS) -> None:
        self._database = database
        self._narrow = narrow

    async def page(self, wish: LetterWish, *, below: UUID | None, limit: int) -> LetterPage:
        """Up to `limit` letters that fit, newest first, with ids smaller than `below`."""
        first, end = wish.ids
        end = end if below is None else min(below, end)
        statement = (OF_TYPE, OF_REASON, OF_ALL)[place_of(wish)]
        arguments = (end, first, self._narrow, limit + 1, *filters(wish), PAGE_BYTES)

        async def unit(raw: Raw) -> list[asyncpg.Record]:
            await raw.execute(WALK)
            rows: list[asyncpg.Record] = await raw.fetch(statement, *arguments)
            return rows

        rows = await self._database.transaction(unit)
        letters = [
            Letter(job_of(row), row["letter_reason"])
            for row in rows[:limit]
            if row["id"] is not None
        ]
        going_on: UUID | None = rows[0]["below"]
        if len(letters) < rows[0]["found"]:
            going_on = letters[-1].job.id
        return LetterPage(letters, going_on)
