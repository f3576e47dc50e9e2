"""A publisher on a real broker, its rounds cranked by hand, and what it said of its batches."""

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager, suppress
from datetime import UTC, datetime
from uuid import UUID

from aiokafka.errors import KafkaError

from scheduler_service.domain.held_jobs import HeldJobs
from scheduler_service.domain.lead import Lead
from scheduler_service.kafka.publisher import Publisher
from scheduler_service.operations.measure_way import LEGS, MeasureWay
from shared.contracts.claims import Claimed, Published
from shared.contracts.dispatch import decode
from shared.kernel.clock import DatabaseClock
from shared.runtime.legs import Legs
from shared.runtime.settings import Kafka
from tests.support import topics
from tests.support.topics import Place
from tests.support.waiting import until

BACK_WITHIN_SECONDS = 20.0


class Bench:
    """`after_batch` is called for each acknowledged batch."""

    def __init__(self, settings: Kafka) -> None:
        self.settings = settings
        self.batches: list[tuple[list[Claimed], list[Published]]] = []
        self.broken = 0
        self.after_batch: Callable[[], None] = lambda: None
        clock = DatabaseClock()
        clock.heard(datetime.now(UTC))
        self.held = HeldJobs(Lead(0.0, most=0.0))
        self.legs = Legs(LEGS)
        self.publisher = Publisher(
            settings,
            spawn=asyncio.create_task,
            on_published=self._published,
            on_broken=self._broke,
            way=MeasureWay(held=self.held, clock=clock, legs=self.legs),
        )

    def _published(self, jobs: Sequence[Claimed], reports: Sequence[Published]) -> None:
        self.batches.append((list(jobs), list(reports)))
        self.after_batch()

    def _broke(self) -> None:
        self.broken += 1

    def acknowledged(self) -> set[UUID]:
        """The jobs of all acknowledged batches."""
        return {job.job_id for jobs, _ in self.batches for job in jobs}

    def places(self) -> dict[Place, UUID]:
        """Where it says that records are."""
        return {
            (report.topic_partition, report.record_offset): report.job_id
            for _, reports in self.batches
            for report in reports
        }

    async def publish(self, jobs: Sequence[Claimed]) -> None:
        """Offer jobs, and wait until all are acknowledged."""
        self.publisher.offer(jobs)
        await self.all_published(jobs)

    async def all_published(self, jobs: Sequence[Claimed]) -> None:
        """Wait until all of these are acknowledged."""
        ids = {job.job_id for job in jobs}
        await until(lambda: ids <= self.acknowledged(), what="all jobs acknowledged")

    async def reconnect(self) -> None:
        """Crank rounds until one builds a producer."""

        async def built() -> int:
            with suppress(KafkaError, OSError, TimeoutError):
                return (await self.publisher.run_once())["built"]
            return 0

        await until(built, within=BACK_WITHIN_SECONDS, what="a new producer")

    async def on_topic(self) -> dict[Place, UUID]:
        """Which job's record is at each place, as the broker has it."""
        found = await topics.records(self.settings)
        return {place: decode(record.value).job_id for place, record in found.items()}


@asynccontextmanager
async def publishing(settings: Kafka) -> AsyncIterator[Bench]:
    """A publisher with a producer."""
    bench = Bench(settings)
    await bench.reconnect()
    try:
        yield bench
    finally:
        await bench.publisher.close()
