"""A create under a key is one job, however often and however wildly it is repeated (Show 4 of issue 4).

Real processes, real connections: job_service alone, with its database. In each round each of 100 keys is asked
for 20 times by 100 clients at once, while batches ask for random keys in random order. `TESTS_ROUNDS=20`
makes 20 rounds of it; the suite makes one.
"""

import asyncio
import os
import random
import time
from collections import Counter
from collections.abc import Awaitable, Callable, Iterator
from functools import partial
from typing import Any
from uuid import uuid4

import httpx
import pytest

from tests.support.looking import rows
from tests.support.stacks import RunningStack, running_stack

KEYS, REPEATS = 100, 20
BATCHES, BATCH = 20, 40
CONNECTIONS = 100
ROUNDS = int(os.environ.get("TESTS_ROUNDS", "1"))
LIMIT_SECONDS = 60.0
CREATE = "/api/v1/jobs"
Call = Callable[[], Awaitable[None]]


@pytest.fixture(scope="module")
def stack() -> Iterator[RunningStack]:
    with running_stack(workers=1) as running:
        yield running


def body(key: str) -> dict[str, Any]:
    return {"name": key, "jobType": "DUMMY", "scheduledTime": "2099-01-01T00:00:00Z"}


class Round:
    """What every request of one round was answered."""

    def __init__(self, http: httpx.AsyncClient) -> None:
        self._http = http
        self.keys = [uuid4().hex for _ in range(KEYS)]
        self.statuses: Counter[int] = Counter()
        self.owners: dict[str, set[str]] = {}
        self.new = 0

    async def run(self) -> None:
        calls: list[Call] = [
            partial(self._single, key) for key in self.keys for _ in range(REPEATS)
        ]
        batches = [random.sample(self.keys, BATCH) for _ in range(BATCHES)]
        calls += [partial(self._batch, keys) for keys in batches]
        random.shuffle(calls)
        await asyncio.gather(*(self._work_off(calls) for _ in range(CONNECTIONS)))

    async def _work_off(self, calls: list[Call]) -> None:
        while calls:
            await calls.pop()()

    async def _single(self, key: str) -> None:
        reply = await self._http.post(CREATE, json=body(key), headers={"Idempotency-Key": key})
        self.statuses[reply.status_code] += 1
        self.new += reply.status_code == 201
        assert reply.status_code in {200, 201}, reply.text
        self.owners.setdefault(key, set()).add(reply.json()["data"]["jobId"])

    async def _batch(self, keys: list[str]) -> None:
        items = [{**body(key), "idempotencyKey": key} for key in keys]
        reply = await self._http.post(f"{CREATE}/batch", json={"jobs": items})
        self.statuses[reply.status_code] += 1
        assert reply.status_code == 201, reply.text
        self.new += int(reply.json()["message"].split()[0])
        for key, job in zip(keys, reply.json()["data"], strict=True):
            self.owners.setdefault(key, set()).add(job["jobId"])


@pytest.mark.timeout(120 + 100 * ROUNDS)
async def test_a_key_is_one_job_whoever_asks_and_how_often(stack: RunningStack) -> None:
    """R25: 100 keys, 20 requests each and 20 batches, all at once: no other answer than the job."""
    deadlocks = "SELECT deadlocks FROM pg_stat_database WHERE datname = current_database()"
    count = "SELECT count(*) AS jobs FROM jobs WHERE name = ANY ($1)"
    limits = httpx.Limits(max_connections=CONNECTIONS)
    url = stack.stack.plan.url("job-1")
    async with httpx.AsyncClient(
        base_url=url, timeout=LIMIT_SECONDS, limits=limits, trust_env=False
    ) as http:
        for number in range(ROUNDS):
            one = Round(http)
            began = time.monotonic()
            await one.run()
            took = time.monotonic() - began
            assert {len(ids) for ids in one.owners.values()} == {1}
            assert one.new == len(one.owners) == KEYS
            (row,) = await asyncio.to_thread(rows, stack, count, one.keys)
            assert row["jobs"] == KEYS
            print(f"round {number + 1}: {dict(one.statuses)} in {took:.1f} s")
    (row,) = await asyncio.to_thread(rows, stack, deadlocks)
    assert row["deadlocks"] == 0
