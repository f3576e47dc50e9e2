"""The consumer of dispatch records, kept alive whatever the broker does.

Rules that known bugs of the client taught (failure_model.md section 3): every await has a limit of
ours; a failed commit is nobody's error; commits name their offsets; polling never stops,
back-pressure is `pause`; any error that the client does not recover from, and any silence in spite
of lag, ends the consumer and makes a new one. Handlers never run on this loop.
"""

import asyncio
from collections.abc import AsyncIterator, Iterable, Mapping
from contextlib import asynccontextmanager
from typing import Any

from aiokafka import AIOKafkaConsumer, ConsumerRebalanceListener, TopicPartition
from aiokafka.errors import KafkaError

from shared.kafka.options import consumer_options
from shared.kafka.topics import ensure_topic
from shared.kernel.clock import MonotonicClock
from shared.runtime import failpoints
from shared.runtime.log import get
from shared.runtime.periodic import Periodic
from shared.runtime.settings import Kafka
from worker_service.domain.offset_tracker import OffsetBook
from worker_service.operations.decide_records import DecideRecords, Record

POLL_MS, PAUSED_POLL_MS = 1_000, 200
"""A poll ends with the first record; while all is paused it ends so soon that reading goes on soon."""
MAX_RECORDS = 500
POLL_LIMIT_SECONDS = 30.0
"""A rebalance holds a poll up; longer than this is a hang."""
START_LIMIT_SECONDS = 30.0
STOP_LIMIT_SECONDS = 5.0
COMMIT_EVERY_SECONDS, COMMIT_IDLE_SECONDS = 0.2, 1.0
COMMIT_LIMIT_SECONDS = 5.0
LOOK_EVERY_SECONDS = 2.0
LOOK_LIMIT_SECONDS = 5.0


class StuckConsumer(Exception):
    """Assigned, records wait, and nothing comes."""


@asynccontextmanager
async def within(seconds: float) -> AsyncIterator[None]:
    """A limit of ours on calls of the client.

    Raises:
        TimeoutError: it took longer.
        KafkaError: the client was cancelled by something inside itself, not by us.
    """
    try:
        async with asyncio.timeout(seconds):
            yield
    except asyncio.CancelledError as error:
        task = asyncio.current_task()
        if task is None or task.cancelling() > 0:
            raise
        raise KafkaError("the client cancelled its own call") from error


class Generations(ConsumerRebalanceListener):  # type: ignore[misc]
    """Turns rebalances into generations of the offset book."""

    def __init__(self, book: OffsetBook) -> None:
        self._book = book

    async def on_partitions_revoked(self, revoked: Iterable[TopicPartition]) -> None:
        """Everything is revoked at each rebalance: the assignors are eager."""
        self._book.revoked()

    async def on_partitions_assigned(self, assigned: Iterable[TopicPartition]) -> None:
        """A new generation begins."""
        self._book.assigned(tp.partition for tp in assigned)


class DispatchConsumer:
    """Reads the request topic in the worker group. Three loops: poll, commit, look after."""

    def __init__(
        self,
        settings: Kafka,
        book: OffsetBook,
        records: DecideRecords,
        *,
        now: MonotonicClock,
    ) -> None:
        self._settings = settings
        self._topic = settings.request_topic
        self._book = book
        self._records = records
        self._now = now
        self._consumer: AIOKafkaConsumer | None = None
        self._last_progress = now()
        self._doubt_since: float | None = None
        self._stopping: set[asyncio.Task[None]] = set()
        self._log = get(__name__)
        self.poll_loop = Periodic("consume", self.poll_once, every_seconds=0.0)
        self.commit_loop = Periodic(
            "commit",
            self.commit_once,
            every_seconds=COMMIT_EVERY_SECONDS,
            idle_seconds=COMMIT_IDLE_SECONDS,
        )
        self.look_loop = Periodic("topic", self.look_once, every_seconds=LOOK_EVERY_SECONDS)

    def loops(self) -> list[Periodic]:
        """What has to run, until `stop`."""
        return [self.poll_loop, self.commit_loop, self.look_loop]

    def started(self) -> bool:
        """Whether the consumer is in the group and has its assignment (which may be empty)."""
        return self._consumer is not None

    async def poll_once(self) -> Mapping[str, int]:
        """One poll; makes the consumer first if there is none.

        Raises:
            Exception: the consumer was given up; the next round makes a new one.
        """
        consumer = self._consumer or await self._open()
        try:
            self._apply_pressure(consumer)
            patience = PAUSED_POLL_MS if consumer.paused() else POLL_MS
            async with within(POLL_LIMIT_SECONDS):
                polled = await consumer.getmany(timeout_ms=patience, max_records=MAX_RECORDS)
            self._refuse_silence(consumer)
        except Exception:
            await self._close(consumer)
            raise
        return {"records": self._take(consumer, polled)}

    async def commit_once(self) -> Mapping[str, int]:
        """Commit the decided prefixes. A failure is nobody's error: the records come again."""
        generation, offsets = self._book.generation, self._book.to_commit()
        consumer = self._consumer
        if consumer is None or not offsets:
            return {}
        wanted = {TopicPartition(self._topic, tp): offset for tp, offset in offsets.items()}
        failpoints.hit("offset.committing")
        try:
            async with within(COMMIT_LIMIT_SECONDS):
                await consumer.commit(wanted)
        except (KafkaError, TimeoutError) as error:
            self._log.warning("offsets not committed", error=repr(error)[:300])
            return {"failed": 1}
        failpoints.hit("offset.committed")
        self._last_progress = self._now()
        self._log.debug("offsets committed", generation=generation, offsets=offsets)
        self._book.committed(generation, offsets)
        return {"committed": len(offsets)}

    async def look_once(self) -> Mapping[str, int]:
        """Make the topic anew if somebody deleted it; learn the committed and end offsets."""
        consumer = self._consumer
        if consumer is None:
            return {}
        doubt_since, self._doubt_since = self._doubt_since, self._doubt_since or self._now()
        async with within(LOOK_LIMIT_SECONDS):
            topics = await consumer.topics()
        if self._topic not in topics:
            self._log.warning("the topic is gone; making it anew", topic=self._topic)
            await ensure_topic(self._settings, self._topic)
            return {"made": 1}
        async with within(LOOK_LIMIT_SECONDS):
            lag = await self._learn_offsets(consumer)
        self._doubt_since = (doubt_since or self._now()) if lag else None
        return {"lag": lag}

    async def stop(self) -> None:
        """Commit what is decided and leave the group, once the loops have ended."""
        await self.commit_once()
        if self._consumer is not None:
            await self._close(self._consumer)

    async def _open(self) -> AIOKafkaConsumer:
        await ensure_topic(self._settings, self._topic)
        self._book.revoked()
        consumer = AIOKafkaConsumer(**consumer_options(self._settings))
        consumer.subscribe([self._topic], listener=Generations(self._book))
        try:
            async with within(START_LIMIT_SECONDS):
                await consumer.start()
        except BaseException:
            await self._close(consumer)
            raise
        self._consumer = consumer
        self._last_progress = self._now()
        self._doubt_since = None
        self._log.info("consuming", topic=self._topic, group=self._settings.group)
        return consumer

    async def _close(self, consumer: AIOKafkaConsumer) -> None:
        if self._consumer is consumer:
            self._consumer = None
        self._book.revoked()
        # Not cancelled when its time is over: the client swallows that and hangs on. Left alone it
        # still leaves the group once the broker is back, and nobody waits for it.
        stopping = asyncio.create_task(consumer.stop())
        self._stopping.add(stopping)
        stopping.add_done_callback(self._stopping.discard)
        await asyncio.wait({stopping}, timeout=STOP_LIMIT_SECONDS)
        if not stopping.done():
            self._log.warning("a consumer does not stop and is left alone")
        elif stopping.cancelled():
            self._log.warning("a consumer gave up stopping")
        elif (error := stopping.exception()) is not None:
            self._log.warning("a consumer did not stop properly", error=repr(error)[:300])

    def _apply_pressure(self, consumer: AIOKafkaConsumer) -> None:
        """Looked at before each poll, so a rebalance, which forgets what is paused, changes
        nothing.
        """
        paused = consumer.paused()
        if self._records.full():
            consumer.pause(*(consumer.assignment() - paused))
        elif paused:
            consumer.resume(*paused)

    def _refuse_silence(self, consumer: AIOKafkaConsumer) -> None:
        """The watchdog. Doubt: records wait that were not read, or the broker does not tell.

        Raises:
            StuckConsumer: doubt and no progress for `stuck_after`.
        """
        if self._doubt_since is None or consumer.paused():
            return
        silent = self._now() - max(self._doubt_since, self._last_progress)
        if silent > self._settings.stuck_after:
            raise StuckConsumer(f"no record and no decision for {silent:.0f} s in spite of lag")

    async def _learn_offsets(self, consumer: AIOKafkaConsumer) -> int:
        """Committed and end offsets of what is assigned; how many records were not read yet."""
        assigned = consumer.assignment()
        if not assigned:
            return 0
        ends = await consumer.end_offsets(list(assigned))
        lag = 0
        for tp in assigned:
            tracker = self._book.tracker(tp.partition)
            if tracker is None:
                continue
            tracker.end = ends[tp]
            lag += max(0, ends[tp] - await consumer.position(tp))
            if tracker.committed is None:
                committed = await consumer.committed(tp)
                tracker.committed = committed or 0
        return lag

    def _take(self, consumer: AIOKafkaConsumer, polled: Mapping[Any, list[Any]]) -> int:
        records: list[Record] = []
        for tp, batch in polled.items():
            for raw in batch:
                place = self._book.read(tp.partition, raw.offset)
                records.append(Record(tp.topic, tp.partition, raw.value, place, raw.headers))
            tracker = self._book.tracker(tp.partition)
            highwater = consumer.highwater(tp)
            if tracker is not None and highwater is not None:
                tracker.end = max(tracker.end, highwater)
        if records:
            self._last_progress = self._now()
            failpoints.hit("record.read")
            self._records.take(records)
        return len(records)
