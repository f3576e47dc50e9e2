"""Single creates that come at once go to the database together (G1), and nobody notices but by the speed."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import httpx
import pytest

from tests.support.api import JOBS, a_create, calling, data_of, problem_of
from tests.support.job_service import Service

AT_ONCE = 40
BAD = frozenset({7, 23, 39})
"""The first two go alone; these are of the group that comes after them."""


@pytest.fixture
async def http(service: Service) -> AsyncIterator[httpx.AsyncClient]:
    """A client of a service that knows DUMMY, where no job may be called bad."""
    await service.raw.execute(
        "ALTER TABLE jobs ADD CONSTRAINT not_this CHECK (name NOT LIKE 'bad%')"
    )
    await service.worker()
    async with calling(service) as client:
        yield client


async def at_once(http: httpx.AsyncClient, *bodies: Any) -> list[httpx.Response]:
    return list(await asyncio.gather(*(http.post(JOBS, json=body) for body in bodies)))


async def test_each_caller_is_answered_with_its_own_job_which_is_there(
    http: httpx.AsyncClient, service: Service
) -> None:
    names = [f"job {n}" for n in range(AT_ONCE)]
    replies = await at_once(http, *(a_create(name=name) for name in names))
    told = {data_of(reply, 201)["jobId"]: reply.json()["data"]["name"] for reply in replies}
    assert list(told.values()) == names
    kept = {str(row["id"]): row["name"] for row in await service.raw.fetch("SELECT * FROM jobs")}
    assert kept == told
    assert len(await service.raw.fetch("SELECT FROM due")) == AT_ONCE


async def test_one_that_the_database_refuses_fails_alone(
    http: httpx.AsyncClient, service: Service
) -> None:
    names = [f"{'bad' if n in BAD else 'good'} {n}" for n in range(AT_ONCE)]
    replies = await at_once(http, *(a_create(name=name) for name in names))
    for n, reply in enumerate(replies):
        if n in BAD:
            problem_of(reply, 422, "validation")
        else:
            assert data_of(reply, 201)["name"] == names[n]
    assert await service.raw.fetchval("SELECT count(*) FROM jobs") == AT_ONCE - len(BAD)


async def test_one_of_a_type_that_nobody_knows_fails_alone(
    http: httpx.AsyncClient, service: Service
) -> None:
    kinds = ["NOBODY" if n in BAD else "DUMMY" for n in range(AT_ONCE)]
    replies = await at_once(http, *(a_create(jobType=kind) for kind in kinds))
    assert {n for n, reply in enumerate(replies) if reply.status_code != 201} == BAD
    assert await service.raw.fetchval("SELECT count(*) FROM jobs") == AT_ONCE - len(BAD)


async def test_of_one_key_in_one_group_one_job_is_made(
    http: httpx.AsyncClient, service: Service
) -> None:
    """R25: all are answered with it."""
    headers = {"Idempotency-Key": "one"}
    replies = await asyncio.gather(
        *(http.post(JOBS, json=a_create(), headers=headers) for _ in range(AT_ONCE))
    )
    assert sorted(reply.status_code for reply in replies) == [200] * (AT_ONCE - 1) + [201]
    assert len({reply.json()["data"]["jobId"] for reply in replies}) == 1
    assert await service.raw.fetchval("SELECT count(*) FROM jobs") == 1
