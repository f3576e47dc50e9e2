"""A worker's consumer with the engine behind it, its loops cranked by hand. What it reads is parked by
a real job_service; a dispatch waits for its lease for ever, because this worker is no node."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from shared.contracts.dispatch import Dispatch, encode
from shared.kernel.clock import MonotonicClock, monotonic
from shared.kernel.ids import new_id
from shared.runtime.settings import Kafka
from tests.support.job_service import seconds_from_now
from tests.support.waiting import until
from worker_service.clients.job_service import JobServiceClient
from worker_service.engine import Engine
from worker_service.kafka.consumer import DispatchConsumer
from worker_service.settings import WorkerSettings

READ_WITHIN_SECONDS = 20.0


def undecided() -> bytes:
    """A record that this worker cannot decide."""
    dispatch = Dispatch(
        job_id=new_id(), attempt=1, version=1, job_type="DUMMY", due_at=seconds_from_now(0)
    )
    return encode(dispatch, traceparent=None)[0]


class Reader:
    """One member of the group."""

    def __init__(self, engine: Engine, consumer: DispatchConsumer) -> None:
        self.engine = engine
        self.consumer = consumer
        self.book = engine.book

    async def poll(self) -> int:
        """One poll; how many records came."""
        return (await self.consumer.poll_once())["records"]

    async def read(self, count: int) -> None:
        """Poll until exactly so many records came, and no more come."""
        came = 0

        async def enough() -> bool:
            nonlocal came
            came += await self.poll()
            return came >= count

        await until(enough, within=READ_WITHIN_SECONDS, what=f"{count} records read")
        came += await self.poll()
        assert came == count

    async def park(self) -> None:
        """Park all garbage that was read."""
        while self.engine.garbage.backlog():
            await self.engine.garbage.run_once()

    async def commit(self) -> int:
        """Commit what is decided; on how many topic partitions."""
        return (await self.consumer.commit_once()).get("committed", 0)


@asynccontextmanager
async def reading(
    settings: Kafka, calls: JobServiceClient, *, now: MonotonicClock = monotonic
) -> AsyncIterator[Reader]:
    """A member of the group from its first poll on, until the block ends: then it commits and
    leaves."""
    engine = Engine(
        WorkerSettings(kafka=settings), {}, calls, address=lambda: "nowhere", version="test"
    )
    consumer = DispatchConsumer(settings, engine.book, engine.records, now=now)
    try:
        yield Reader(engine, consumer)
    finally:
        await consumer.stop()


async def end_fetching() -> None:
    """End the client's task that asks for records, and what it has asked for: it falls silent."""
    tasks = asyncio.all_tasks()
    (routine,) = [task for task in tasks if _runs(task, "_fetch_requests_routine")]
    for task in [routine, *(task for task in tasks if _runs(task, "_proc_fetch_request"))]:
        task.cancel()
        await asyncio.wait({task})


def _runs(task: asyncio.Task[Any], coroutine: str) -> bool:
    return getattr(task.get_coro(), "__name__", None) == coroutine
