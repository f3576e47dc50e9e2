"""A producer for one topic that is built anew whenever anything about it is in doubt.

Whoever sends gives it up after a send without an acknowledgement in time: what was in it is *unknown*, and is
sent again by the next one. At most one is used at a time, and the one in doubt is stopped before the next is
built.
"""

import asyncio
from collections.abc import Awaitable, Callable

from aiokafka import AIOKafkaProducer
from aiokafka.producer.message_accumulator import BatchBuilder

from shared.kafka.options import producer_options
from shared.runtime import failpoints
from shared.runtime.log import get
from shared.runtime.settings import Kafka

STOP_LIMIT_SECONDS = 0.25
"""For each step of stopping a producer; all of them fit into what the app gives to `close`."""


class KeptProducer:
    """`on_broken` asks for a call of `build` soon."""

    def __init__(self, settings: Kafka, topic: str, *, on_broken: Callable[[], None]) -> None:
        self._settings = settings
        self._topic = topic
        self._on_broken = on_broken
        self._producer: AIOKafkaProducer | None = None
        self._doubtful: AIOKafkaProducer | None = None
        self.topic_partitions: list[int] = []
        self._log = get(__name__)

    def current(self) -> AIOKafkaProducer | None:
        """The one that nothing speaks against."""
        return self._producer

    async def build(self) -> None:
        """Stop the one in doubt, and connect another.

        Raises:
            TimeoutError, OSError or aiokafka's KafkaError: the broker or the topic is away.
        """
        await self.stop_doubtful()
        producer = AIOKafkaProducer(**producer_options(self._settings))
        try:
            async with asyncio.timeout(self._settings.request_timeout):
                await producer.start()
                found = await producer.partitions_for(self._topic)
        except BaseException:
            await self._stop(producer)
            raise
        self.topic_partitions = sorted(found)
        self._producer = producer
        self._log.info("producer connected", topic=self._topic, topic_partitions=len(found))

    async def send(
        self, producer: AIOKafkaProducer, batch: BatchBuilder, topic_partition: int
    ) -> int:
        """Send a closed batch and wait until the broker has it.

        Returns:
            The offset of its first record; the n-th has that plus n. -1 after a repeat whose first offset the
            broker no longer knows.

        Raises:
            TimeoutError or aiokafka's KafkaError: whether the broker has it is unknown.
        """
        async with asyncio.timeout(self._settings.request_timeout):
            future = await producer.send_batch(batch, self._topic, partition=topic_partition)
            # Nobody may wait any more when its error comes: look at it, or asyncio complains.
            future.add_done_callback(lambda done: done.cancelled() or done.exception())
            failpoints.hit("publish.sent", self._topic)
            metadata = await asyncio.shield(future)
            failpoints.hit("publish.acked", self._topic)
        return int(metadata.offset)

    def give_up(self, why: str) -> None:
        """Use this producer no more."""
        if self._producer is not None:
            self._log.info("producer dropped", topic=self._topic, why=why)
            self._doubtful, self._producer = self._producer, None
            self._on_broken()

    async def stop_doubtful(self) -> None:
        """Stop the producer that was given up, if there is one."""
        if self._doubtful is not None:
            producer, self._doubtful = self._doubtful, None
            await self._stop(producer)

    async def _stop(self, producer: AIOKafkaProducer) -> None:
        """Stop, each step within a time limit.

        An idempotent producer never gives a batch up, so `stop()` alone waits as long as the
        broker is away, and a producer that is only dropped keeps sending. So its sender ends
        first, then its batches go, then there is nothing left that `stop()` could wait for.
        """
        await self._step(producer._sender.close)  # noqa: SLF001 - no public way
        batches = producer._message_accumulator  # noqa: SLF001
        batches._batches.clear()  # noqa: SLF001
        batches._pending_batches.clear()  # noqa: SLF001
        await self._step(producer.stop)
        await self._step(producer.client.close)

    async def _step(self, end: Callable[[], Awaitable[None]]) -> None:
        try:
            async with asyncio.timeout(STOP_LIMIT_SECONDS):
                await end()
        except Exception as error:
            self._log.info("producer did not stop", error=repr(error)[:200])
