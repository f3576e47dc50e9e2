"""An engine with all its loops and threads, against the fake job_service; records are put in by
hand.
"""

import asyncio
import time
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from typing import Any

from pydantic import BaseModel

from shared.contracts.dispatch import Dispatch, encode
from shared.runtime.settings import JobServiceAddress, Worker
from tests.unit.worker.fake_job_service import FakeJob, FakeJobService
from worker_service.clients.job_service import JobServiceClient
from worker_service.domain.offset_tracker import Place
from worker_service.engine import Engine
from worker_service.handler_api import Context, Handler, JobType, job_type
from worker_service.operations.decide_records import Record
from worker_service.settings import WorkerSettings

TOPIC = "job-execution-requests"
LIMIT_SECONDS = 30.0


class AnyPayload(BaseModel, extra="allow"):
    """Takes any object."""


def a_type(name: str, run: Handler, *, timeout_seconds: float = 60.0, **declared: Any) -> JobType:
    """A job type around a function."""
    declare = job_type(name, payload=AnyPayload, timeout_seconds=timeout_seconds, **declared)
    return declare(run)


async def quick(payload: AnyPayload, context: Context) -> str:
    """Does nothing."""
    return "done"


class Bench:
    """A running worker. `offset` counts up; every record goes to topic partition 0."""

    def __init__(self, engine: Engine, service: FakeJobService) -> None:
        self.engine = engine
        self.service = service
        self.offset = 0
        engine.book.assigned([0])

    def put(self, value: bytes | None, headers: Sequence[tuple[str, bytes]] = ()) -> Place:
        """A record on the topic."""
        place = self.engine.book.read(0, self.offset)
        self.offset += 1
        self.engine.records.take([Record(TOPIC, 0, value, place, headers)])
        return place

    def dispatch(
        self,
        job: FakeJob,
        *,
        attempt: int | None = None,
        stamps: Sequence[tuple[str, bytes]] = (),
    ) -> Place:
        """The record of a job's attempt."""
        value, headers = encode(
            Dispatch(
                job_id=job.id,
                attempt=attempt or job.attempt,
                version=1,
                job_type=job.job_type,
                due_at=job.due_at,
            ),
            traceparent=None,
            stamps=stamps,
        )
        return self.put(value, headers)

    def prefix(self) -> int | None:
        """What could be committed of topic partition 0."""
        tracker = self.engine.book.tracker(0)
        return None if tracker is None else tracker.prefix()

    async def until(self, done: Callable[[], Any], what: str) -> None:
        """Wait for a condition.

        Raises:
            AssertionError: it did not come true in time.
        """
        deadline = time.monotonic() + LIMIT_SECONDS
        while not done():
            assert time.monotonic() < deadline, f"not within {LIMIT_SECONDS} s: {what}"
            await asyncio.sleep(0.005)

    async def drain(self) -> None:
        """SIGTERM."""

        async def nothing() -> None:
            return None

        await self.engine.drain(nothing).run()


@asynccontextmanager
async def running(
    service: FakeJobService,
    *types: JobType,
    slots: int = 10,
    hold_slots: int = 100,
    drain: float = 0.3,
) -> AsyncIterator[Bench]:
    """A worker for as long as the block lasts."""
    settings = WorkerSettings(
        job_service=JobServiceAddress(url=service.url),
        worker=Worker(slots=slots, hold_slots=hold_slots, drain=drain),
    )
    client = JobServiceClient(settings.job_service)
    by_name: Mapping[str, JobType] = {item.name: item for item in types}
    engine = Engine(settings, by_name, client, address=lambda: "http://127.0.0.1:1", version="test")
    engine.lanes.open()
    loops = [asyncio.create_task(loop.run()) for loop in engine.loops()]
    bench = Bench(engine, service)
    try:
        await bench.until(lambda: engine.membership.node, "registered")
        yield bench
    finally:
        for task in loops:
            task.cancel()
        await asyncio.gather(*loops, return_exceptions=True)
        await engine.keeper.close()
        engine.lanes.close()
        await client.close()


def soon(seconds: float) -> datetime:
    """A due time ahead."""
    return datetime.fromtimestamp(time.time() + seconds, UTC)
