"""Publishing events: every one by its job's key, in the order given, all acknowledged or none of it counts.

It has a producer of its own, and never keeps the loop for long: dispatch does not wait for events.
"""

import asyncio
from collections import defaultdict
from collections.abc import Callable, Sequence

from aiokafka import AIOKafkaProducer
from aiokafka.producer.message_accumulator import BatchBuilder

from scheduler_service.kafka.key_hash import hashes
from scheduler_service.kafka.producer import KeptProducer
from shared.contracts.events import FeedEvent, encode
from shared.runtime.log import get
from shared.runtime.settings import Kafka

SLICE = 50
"""Events made into records in one go; some 0.5 ms."""
ID_BYTES = 36
"""Of a job's id as text, the key of its records."""

Batches = dict[int, list[BatchBuilder]]


class EventPublisher:
    """At most one call of `publish` is on its way. `on_broken` asks for another round soon."""

    def __init__(self, settings: Kafka, *, on_broken: Callable[[], None]) -> None:
        self._kept = KeptProducer(settings, settings.event_topic, on_broken=on_broken)
        self._log = get(__name__)

    async def connect(self) -> None:
        """Build a producer unless there is a good one.

        Raises:
            TimeoutError, OSError or aiokafka's KafkaError: the broker or the topic is away.
        """
        if self._kept.current() is None:
            await self._kept.build()

    async def publish(self, events: Sequence[FeedEvent]) -> None:
        """Send them, and wait until the broker has them all. Those of a topic partition go one batch after
        the other, so a job's later event is never there without its earlier ones.

        Raises:
            Exception: some may be missing on the topic: all of them are to be published again.
        """
        await self.connect()
        producer = self._kept.current()
        assert producer is not None
        batches = await self._fill(producer, events)
        lanes = (self._send_all(producer, *lane) for lane in batches.items())
        failed = [e for e in await asyncio.gather(*lanes, return_exceptions=True) if e is not None]
        if failed:
            self._kept.give_up("events not acknowledged")
            raise failed[0]

    async def close(self) -> None:
        """End the producer, without waiting for a broker that does not answer."""
        self._kept.give_up("closing")
        await self._kept.stop_doubtful()

    async def _fill(self, producer: AIOKafkaProducer, events: Sequence[FeedEvent]) -> Batches:
        batches: defaultdict[int, list[BatchBuilder]] = defaultdict(list)
        every = self._kept.topic_partitions
        places = hashes([fed.job_id.encode() for fed in events], ID_BYTES)
        for begin in range(0, len(events), SLICE):
            end = begin + SLICE
            for fed, place in zip(events[begin:end], places[begin:end], strict=True):
                key, value, headers = encode(fed)
                # As every client of Kafka chooses by default: without the sign.
                lane = batches[every[(place & 0x7FFFFFFF) % len(every)]]
                if not lane or not _added(lane[-1], key, value, headers):
                    lane.append(producer.create_batch())
                    _added(lane[-1], key, value, headers)
            await asyncio.sleep(0)
        return batches

    async def _send_all(
        self, producer: AIOKafkaProducer, topic_partition: int, batches: Sequence[BatchBuilder]
    ) -> None:
        for batch in batches:
            batch.close()
            await self._kept.send(producer, batch, topic_partition)


def _added(batch: BatchBuilder, key: bytes, value: bytes, headers: list[tuple[str, bytes]]) -> bool:
    """Whether the batch had room."""
    return batch.append(timestamp=None, key=key, value=value, headers=headers) is not None
