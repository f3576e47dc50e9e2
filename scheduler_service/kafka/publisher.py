"""Publishing: explicit batches on chosen topic partitions, one sending task each.

A job offered here stays until the broker acknowledged its record or `forget` is called. A send
without an acknowledgement in time is *unknown*: its jobs are sent again, and the lease refuses the
second record.
"""

import asyncio
from collections import defaultdict, deque
from collections.abc import Callable, Coroutine, Mapping, Sequence
from typing import Any

from aiokafka import AIOKafkaProducer
from aiokafka.producer.message_accumulator import BatchBuilder

from scheduler_service.domain.spread import Spread
from scheduler_service.kafka.producer import KeptProducer
from scheduler_service.operations.measure_way import MeasureWay
from shared.contracts.claims import Claimed, Published
from shared.contracts.dispatch import encode
from shared.runtime.log import get
from shared.runtime.settings import Kafka

OnPublished = Callable[[Sequence[Claimed], Sequence[Published]], None]
Spawn = Callable[[Coroutine[Any, Any, None]], asyncio.Task[None]]


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
        way: MeasureWay,
    ) -> None:
        self._kept = KeptProducer(settings, settings.request_topic, on_broken=on_broken)
        self._spawn = spawn
        self._on_published = on_published
        self._way = way
        self._spread = Spread()
        self._backlog: list[Claimed] = []
        self._lanes: defaultdict[int, deque[Claimed]] = defaultdict(deque)
        self._sending: dict[int, asyncio.Task[None]] = {}
        self.published = 0
        """Records that the broker acknowledged."""
        self._log = get(__name__)

    def connected(self) -> bool:
        """Whether there is a producer that nothing speaks against."""
        return self._kept.current() is not None

    def offer(self, jobs: Sequence[Claimed]) -> None:
        """Publish these as one tick; they wait here while the broker is away."""
        self._backlog += jobs
        self._distribute()

    def forget(self) -> None:
        """The node is dead: drop what has not been sent. What is under way is not sent again."""
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
        if self.connected():
            return {"built": 0}
        await self._end_senders()
        await self._kept.build()
        self._distribute()
        return {"built": 1}

    async def close(self) -> None:
        """End the producer, without waiting for a broker that does not answer."""
        self._kept.give_up("closing")
        await self._end_senders()
        await self._kept.stop_doubtful()

    def _distribute(self) -> None:
        producer = self._kept.current()
        if producer is None or not self._backlog:
            return
        jobs, self._backlog = self._backlog, []
        for topic_partition, chunk in self._spread.assign(jobs, self._kept.topic_partitions):
            self._lanes[topic_partition] += chunk
            if topic_partition not in self._sending:
                self._sending[topic_partition] = self._spawn(
                    self._send_all(producer, topic_partition)
                )

    async def _send_all(self, producer: AIOKafkaProducer, topic_partition: int) -> None:
        """Send what is for this topic partition, one batch after the other, until there is no
        more."""
        try:
            while producer is self._kept.current() and self._lanes[topic_partition]:
                await self._send_next(producer, topic_partition)
        except Exception as error:
            if producer is self._kept.current():
                self._log.warning("send failed, jobs stay", error=repr(error)[:300])
                self._kept.give_up("send failed")
        finally:
            self._sending.pop(topic_partition, None)

    async def _send_next(self, producer: AIOKafkaProducer, topic_partition: int) -> None:
        lane = self._lanes[topic_partition]  # after `forget` nobody looks at this one any more
        batch, jobs = self._fill(producer, lane)
        if not jobs:
            return
        acknowledged = self._way.sending(jobs)
        base_offset = None
        try:
            base_offset = await self._kept.send(producer, batch, topic_partition)
        finally:
            if base_offset is None:
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
        self.published += len(jobs)
        acknowledged()
        self._on_published(jobs, reports)

    def _fill(
        self, producer: AIOKafkaProducer, lane: deque[Claimed]
    ) -> tuple[BatchBuilder, list[Claimed]]:
        """Move jobs from the lane into a batch, as many as it holds."""
        batch = producer.create_batch()
        jobs: list[Claimed] = []
        while lane:
            job = lane[0]
            value, headers = encode(job, traceparent=job.traceparent, stamps=self._way.stamps(job))
            key = None if job.ordering_key is None else job.ordering_key.encode()
            if batch.append(timestamp=None, key=key, value=value, headers=headers) is None:
                break
            jobs.append(lane.popleft())
        batch.close()
        return batch, jobs

    async def _end_senders(self) -> None:
        """End the sending tasks, and take back what was not acknowledged."""
        senders = set(self._sending.values())
        for task in senders:
            task.cancel()
        if senders:
            await asyncio.wait(senders)
        self._sending.clear()
        unsent = [job for lane in self._lanes.values() for job in lane]
        self._lanes.clear()
        self._backlog = sorted([*unsent, *self._backlog], key=lambda job: job.due_at)
