"""A handler crashed at each of its awaits, on a real PostgreSQL: what the testing kit says holds there."""

import asyncio
from typing import Any

import asyncpg
from pydantic import BaseModel

from tests.integration.effects.conftest import CHARGE
from worker_service.handler_api import Context, job_type
from worker_service.testing import every_crash

AWAITS_LEAST = 8
"""Connect, begin, fence, look, charge, enter, commit, close."""


class Where(BaseModel):
    """A database."""

    url: str


@job_type("CHARGE_ONCE", payload=Where)
async def charge_once(payload: Where, context: Context) -> Any:
    connection = await asyncpg.connect(payload.url)
    try:
        async with context.once(connection, "charge") as effect:
            if effect.fresh:
                await connection.execute(CHARGE, context.job_id)
                effect.keep({"by": context.attempt})
    finally:
        await connection.close()
    return effect.result


@job_type("CHARGE_CARELESSLY", payload=Where)
async def charge_carelessly(payload: Where, context: Context) -> None:
    connection = await asyncpg.connect(payload.url)
    try:
        await connection.execute(CHARGE, context.job_id)
    finally:
        await connection.close()


def _charges(url: str) -> dict[Any, int]:
    """How many for each job."""

    async def read() -> dict[Any, int]:
        raw = await asyncpg.connect(url)
        try:
            rows = await raw.fetch("SELECT job_id, count(*) AS n FROM charges GROUP BY job_id")
        finally:
            await raw.close()
        return {row["job_id"]: row["n"] for row in rows}

    return asyncio.run(read())


def test_wherever_it_crashes_there_is_one_charge(handlers_database: str) -> None:
    """R22: and the job's result is that of the attempt whose charge it is."""
    runs = list(every_crash(charge_once, {"url": handlers_database}))
    assert len(runs) > AWAITS_LEAST
    assert {run.status for run in runs} == {"SUCCESS"}
    assert {run.result["by"] for run in runs} == {1, 2}
    assert _charges(handlers_database) == {run.job_id: 1 for run in runs}


def test_without_once_some_crashes_charge_twice(handlers_database: str) -> None:
    runs = list(every_crash(charge_carelessly, {"url": handlers_database}))
    assert set(_charges(handlers_database).values()) == {1, 2}
    assert {run.status for run in runs} == {"SUCCESS"}
