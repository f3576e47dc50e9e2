"""Clients that create jobs at a steady rate, each under a key, and repeat what was not answered."""

import asyncio
import time
from datetime import UTC, datetime
from typing import Any
from uuid import uuid4

import httpx

EVERY_SECONDS = 0.25
AHEAD_SECONDS = 3.0
SLEEP_MS = 20
"""What each job does."""
ANSWER_LIMIT_SECONDS = 10.0
REPEAT_AFTER_SECONDS = 0.2
AT_ONCE = 8
"""Requests under way; beyond that the rate is not kept."""


class Clients:
    """`made`: jobs whose creation was answered. `repeats`: requests that had to be sent again."""

    def __init__(self, url: str, rate: float) -> None:
        self.made = 0
        self.repeats = 0
        self._http = httpx.AsyncClient(base_url=url, timeout=ANSWER_LIMIT_SECONDS, trust_env=False)
        self._rate = rate
        self._room = asyncio.Semaphore(AT_ONCE)

    async def run(self, until: float) -> None:
        """Create until then (monotonic seconds); returns when all is answered."""
        began = time.monotonic()
        asked = 0
        async with self._http, asyncio.TaskGroup() as group:
            while (now := time.monotonic()) < until:
                count = int((now - began) * self._rate) - asked
                if count:
                    await self._room.acquire()
                    asked += count
                    group.create_task(self._create(_bodies(count)))
                await asyncio.sleep(EVERY_SECONDS)

    async def _create(self, bodies: list[dict[str, Any]]) -> None:
        try:
            while not await self._answered(bodies):
                self.repeats += 1
                await asyncio.sleep(REPEAT_AFTER_SECONDS)
            self.made += len(bodies)
        finally:
            self._room.release()

    async def _answered(self, bodies: list[dict[str, Any]]) -> bool:
        try:
            answer = await self._http.post("/api/v1/jobs/batch", json={"jobs": bodies})
        except httpx.TransportError:
            return False
        if answer.status_code in {429, 503}:
            return False
        answer.raise_for_status()
        wrong = [item["error"] for item in answer.json()["data"] if "jobId" not in item]
        if wrong:
            raise RuntimeError(f"a job was refused: {wrong[0]}")
        return True


def _bodies(count: int) -> list[dict[str, Any]]:
    """Jobs whose due times are spread over the time until the next batch."""
    first = time.time() + AHEAD_SECONDS
    return [
        {
            "name": "soak",
            "jobType": "DUMMY",
            "payload": {"sleepMs": SLEEP_MS},
            "idempotencyKey": str(uuid4()),
            "scheduledTime": datetime.fromtimestamp(
                first + EVERY_SECONDS * n / count, UTC
            ).isoformat(),
        }
        for n in range(count)
    ]
