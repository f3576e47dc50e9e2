"""Publishing: explicit batches on chosen topic partitions, one sending task each, and a producer
that is built anew whenever anything about it is in doubt.

A job offered here stays until the broker acknowledged its record or `forget` is called. A send
without an acknowledgement in time is *unknown*: its jobs are sent again, and the lease refuses the
second record.
"""

import asyncio
from collections import defaultdict, deque
from collections.abc import Awaitable, Callable, Coroutine, Mapping, Sequence
from typing import Any

from aiokafka import AIOKafkaProducer
from aiokafka.producer.message_accumulator import BatchBuilder

from scheduler_service.domain.spread import Spread
from shared.contracts.claims import Claimed, Published
from shared.contracts.dispatch import Dispatch, encode
from shared.kafka.options import producer_options
from shared.runtime.log import get
from shared.runtime.settings import Kafka

STOP_LIMIT_SECONDS = 1.0

OnPublished = Callable[[Sequence[Claimed], Sequence[Published]], None]
Spawn = Callable[[Coroutine[Any, Any, None]], asyncio.Task[None]]


def _record(job: Claimed) -> tuple[bytes, list[tuple[str, bytes]]]:
    dispatch = Dispatch(
        job_id=job.job_id,
        attempt=job.attempt,
        version=job.version,
        job_type=job.job_type,
        due_at=job.due_at,
    )
    return encode(dispatch, traceparent=job.traceparent)


class Publisher:
    """`run_once` keeps a producer; `on_broken` asks for a round soon.

    `on_published` hears of every acknowledged batch: its jobs, and where their records are. (The
    second is empty when the broker knew only that it had this batch already.)
    """

    def __init__(
        self,
        settings: Kafka,
        *,
        spawn: Spawn,
        on_published: OnPublished,
        on_broken: Callable[[], None],
    ) -> None:
        self._settings = settings
        self._spawn = spawn
        self._on_published = on_published
        self._on_broken = on_broken
        self._producer: AIOKafkaProducer | None = None
        self._doubtful: AIOKafkaProducer | None = None
        self._topic_partitions: list[int] = []
        self._spread = Spread()
        self._backlog: list[Claimed] = []
        self._lanes: defaultdict[int, deque[Claimed]] = defaultdict(deque)
        self._sending: dict[int, asyncio.Task[None]] = {}
        self._generation = 0
        self._log = get(__name__)

    def connected(self) -> bool:
        """Whether there is a producer that nothing speaks against."""
        return self._producer is not None

    def offer(self, jobs: Sequence[Claimed]) -> None:
        """Publish these as one tick; they wait here while the broker is away."""
        self._backlog += jobs
        self._distribute()

    def forget(self) -> None:
        """The node is dead: drop what has not been sent. What is under way is not sent again."""
        self._generation += 1
        self._backlog.clear()
        self._lanes.clear()

    async def flush(self, seconds: float) -> None:
        """Wait up to `seconds` until nothing is being sent; at once when the broker is away."""
        loop = asyncio.get_running_loop()
        deadline = loop.time() + seconds
        while self.connected() and self._sending and (left := deadline - loop.time()) > 0:
            await asyncio.wait(set(self._sending.values()), timeout=left)

    async def run_once(self) -> Mapping[str, int]:
        """Build a producer unless there is a good one.

        Raises:
            TimeoutError, OSError or aiokafka's KafkaError: the broker or the topic is away.
        """
        if self._producer is not None:
            return {"built": 0}
        await self._drop_doubtful()
        producer = AIOKafkaProducer(**producer_options(self._settings))
        try:
            async with asyncio.timeout(self._settings.request_timeout):
                await producer.start()
                found = await producer.partitions_for(self._settings.request_topic)
        except BaseException:
            await self._stop(producer)
            raise
        self._topic_partitions = sorted(found)
        self._producer = producer
        self._log.info("producer connected", topic_partitions=len(found))
        self._distribute()
        return {"built": 1}

    async def close(self) -> None:
        """End the producer, without waiting for a broker that does not answer."""
        self._give_up("closing")
        await self._drop_doubtful()

    def _distribute(self) -> None:
        if self._producer is None or not self._backlog:
            return
        jobs, self._backlog = self._backlog, []
        for topic_partition, chunk in self._spread.assign(jobs, self._topic_partitions):
            self._lanes[topic_partition] += chunk
            if topic_partition not in self._sending:
                self._sending[topic_partition] = self._spawn(
                    self._send_all(self._producer, topic_partition)
                )

    async def _send_all(self, producer: AIOKafkaProducer, topic_partition: int) -> None:
        """Send what is for this topic partition, one batch after the other, until there is no
        more."""
        try:
            while producer is self._producer and self._lanes[topic_partition]:
                await self._send_next(producer, topic_partition)
        except Exception as error:
            if producer is self._producer:
                self._log.warning("send failed, jobs stay", error=repr(error)[:300])
                self._give_up("send failed")
        finally:
            self._sending.pop(topic_partition, None)

    async def _send_next(self, producer: AIOKafkaProducer, topic_partition: int) -> None:
        generation, lane = self._generation, self._lanes[topic_partition]
        batch, jobs = self._fill(producer, lane)
        if not jobs:
            return
        base_offset = None
        try:
            base_offset = await self._send(producer, batch, topic_partition)
        finally:
            if base_offset is None and generation == self._generation:
                lane.extendleft(reversed(jobs))
        reports = [
            Published(
                job_id=job.job_id,
                attempt=job.attempt,
                topic_partition=topic_partition,
                record_offset=base_offset + n,
            )
            for n, job in enumerate(jobs if base_offset >= 0 else [])
        ]
        self._on_published(jobs, reports)

    def _fill(
        self, producer: AIOKafkaProducer, lane: deque[Claimed]
    ) -> tuple[BatchBuilder, list[Claimed]]:
        """Move jobs from the lane into a batch, as many as it holds."""
        batch = producer.create_batch()
        jobs: list[Claimed] = []
        while lane:
            job = lane[0]
            value, headers = _record(job)
            key = None if job.ordering_key is None else job.ordering_key.encode()
            if batch.append(timestamp=None, key=key, value=value, headers=headers) is None:
                break
            jobs.append(lane.popleft())
        batch.close()
        return batch, jobs

    async def _send(
        self, producer: AIOKafkaProducer, batch: BatchBuilder, topic_partition: int
    ) -> int:
        """The offset of the batch's first record; the n-th has that plus n.

        After a repeated batch whose first offset the broker no longer knows this is -1.
        """
        async with asyncio.timeout(self._settings.request_timeout):
            future = await producer.send_batch(
                batch, self._settings.request_topic, partition=topic_partition
            )
            # Nobody may wait any more when its error comes: look at it, or asyncio complains.
            future.add_done_callback(lambda done: done.cancelled() or done.exception())
            metadata = await asyncio.shield(future)
        return int(metadata.offset)

    def _give_up(self, why: str) -> None:
        """Use this producer no more."""
        if self._producer is not None:
            self._log.info("producer dropped", why=why)
            self._doubtful, self._producer = self._producer, None
            self._on_broken()

    async def _drop_doubtful(self) -> None:
        """End the sending tasks, take back what was not acknowledged, stop the producer in
        doubt."""
        senders = set(self._sending.values())
        for task in senders:
            task.cancel()
        if senders:
            await asyncio.wait(senders)
        self._sending.clear()
        unsent = [job for lane in self._lanes.values() for job in lane]
        self._lanes.clear()
        self._backlog = sorted([*unsent, *self._backlog], key=lambda job: job.due_at)
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
