"""The clients: some create jobs at a steady pace, others read, cancel, reschedule and retry at random."""

import asyncio
import random
import time
from collections import deque
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

from tests.chaos.harness.bodies import Bodies
from tests.chaos.harness.calls import Answer, Calls

CREATORS = 4
MEDDLERS = 2
LARGEST_BATCH = 25
KNOWN_JOBS = 150
"""The latest ones, which clients meddle with: most jobs are settled within seconds."""
GIVE_UP_SECONDS = 20.0
REPEAT_SECONDS = 0.3
PACE_SECONDS = 0.05
CATCH_UP = 2.0
"""How much faster than planned jobs are created after an outage."""
CALM_SECONDS = 0.4
"""Between two calls of a meddler, unless a storm is on."""
STORM_SECONDS = 0.02


class Clients:
    """Creates `total` jobs spread over `seconds`. `open_most`: with so many that are not settled no more are
    created for now. `storm`: meddlers call as fast as they can."""

    def __init__(
        self,
        calls: Calls,
        choose: random.Random,
        *,
        bodies: Bodies,
        total: int,
        seconds: float,
        open_most: float,
        count_open: Callable[[], int],
        meddlers: int = MEDDLERS,
    ) -> None:
        self.storm = 0
        self.made = 0
        self._calls = calls
        self._choose = choose
        self._bodies = bodies
        self._total = total
        self._seconds = seconds
        self._open_most = open_most
        self._count_open = count_open
        self._meddlers = meddlers
        self._asked = 0
        self._known: deque[str] = deque(maxlen=KNOWN_JOBS)

    async def run(self) -> None:
        """Until all jobs are created."""
        began = time.monotonic()
        async with asyncio.TaskGroup() as group:
            meddlers = [group.create_task(self._meddle()) for _ in range(self._meddlers)]
            creators = [group.create_task(self._create(began)) for _ in range(CREATORS)]
            await asyncio.wait(creators)
            for task in meddlers:
                task.cancel()

    async def _create(self, began: float) -> None:
        while self._asked < self._total:
            elapsed = min(1.0, (time.monotonic() - began) / self._seconds)
            behind = min(int(self._total * elapsed) - self._asked, LARGEST_BATCH)
            if behind < 1 or self._count_open() > self._open_most:
                await asyncio.sleep(PACE_SECONDS)
                continue
            self._asked += behind
            rested = asyncio.create_task(asyncio.sleep(self._rest(behind)))
            if behind == 1 or self._choose.random() < 0.2:
                for _ in range(behind):
                    await self._create_one()
            else:
                await self._create_many(behind)
            await rested

    def _rest(self, count: int) -> float:
        """Seconds that one creator spends on so many jobs at least: what is behind is not caught up with in a
        rush, or the lateness shown would be that of an overload."""
        return count * CREATORS / (self._total / self._seconds * CATCH_UP)

    async def _create_one(self) -> None:
        key, body = self._bodies.next()
        answer = await self._until_definite(lambda: self._calls.create(body, key))
        if answer.kind == "ok":
            self._learn([answer.data])

    async def _create_many(self, count: int) -> None:
        bodies = [
            {**body, "idempotencyKey": key}
            for key, body in (self._bodies.next() for _ in range(count))
        ]
        answer = await self._until_definite(lambda: self._calls.create_batch(bodies))
        if answer.kind == "ok":
            self._learn([item for item in answer.data if "jobId" in item])

    async def _until_definite(self, call: Callable[[], Any]) -> Answer:
        """Repeat what was not answered, under the same keys, for a while."""
        deadline = time.monotonic() + GIVE_UP_SECONDS
        while True:
            answer: Answer = await call()
            if answer.kind != "unknown" or time.monotonic() > deadline:
                return answer
            await asyncio.sleep(REPEAT_SECONDS)

    def _learn(self, jobs: list[dict[str, Any]]) -> None:
        self.made += len(jobs)
        self._known.extend(job["jobId"] for job in jobs)

    async def _meddle(self) -> None:
        while True:
            await asyncio.sleep(STORM_SECONDS if self.storm else CALM_SECONDS)
            if self._known:
                await self._meddle_with(self._choose.choice(self._known))

    async def _meddle_with(self, job: str) -> None:
        """One read, then perhaps a change of what was read, then a read again."""
        answer = await self._calls.change("read", "GET", job)
        what = self._choose.choice(("read", "cancel", "reschedule", "relabel", "retry"))
        if answer.kind != "ok" or what == "read":
            return
        version = {"If-Match": f'"{answer.data["version"]}"'}
        status = answer.data["status"]
        if what == "retry" and status == "FAILED":
            await self._calls.change(what, "POST", job, "/retry")
        elif status in {"SUCCESS", "CANCELLED", "EXPIRED"}:
            return
        elif what == "cancel" and self._choose.random() < 0.5:
            await self._calls.change(what, "POST", job, "/cancel")
        elif what == "reschedule":
            due = datetime.now(UTC) + timedelta(seconds=self._choose.uniform(-1, 4))
            body = {"scheduledTime": due.isoformat()}
            await self._calls.change(what, "PATCH", job, json=body, headers=version)
        elif what == "relabel":
            marked = {"labels": {"mark": str(self._choose.random())}}
            await self._calls.change(what, "PATCH", job, json=marked, headers=version)
        await self._calls.change("read", "GET", job)
