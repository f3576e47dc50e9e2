"""Faults of the request topic: deleted, its group's offsets set back, records of other hands on it."""

import asyncio
import json
import random
from collections.abc import Awaitable, Callable
from contextlib import suppress
from typing import Any
from uuid import UUID

import asyncpg
from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.errors import KafkaError

from tests.chaos.harness.schedule import Fault
from tests.chaos.harness.world import World
from tests.support import topics
from tests.support.by_hand import record

TRY_SECONDS = 25.0
TRY_EVERY_SECONDS = 0.5
SOME_JOBS = "SELECT id, attempt, job_type FROM jobs ORDER BY id DESC LIMIT 400"
COPIES = 60


class TopicFaults:
    """Strikes at what is on the topic."""

    def __init__(self, world: World) -> None:
        self._world = world

    async def delete_topic(self, fault: Fault) -> None:
        """All records are gone; schedulers and workers make it anew."""
        await _until_done(lambda: topics.delete(self._world.kafka_settings))
        await asyncio.sleep(fault.seconds)

    async def rewind_offsets(self, fault: Fault) -> None:
        """The group reads again from the beginning. Its offsets can be set while it has no members only, so all
        workers leave for that long."""
        names = self._world.names("worker")
        await asyncio.gather(*(asyncio.to_thread(self._world.stack.stop, n) for n in names))
        try:
            await _until_done(self._rewind)
        finally:
            for name in names:
                await asyncio.to_thread(self._world.spawn, name, ready=False)

    async def _rewind(self) -> None:
        settings = self._world.kafka_settings
        consumer = AIOKafkaConsumer(bootstrap_servers=settings.bootstrap, group_id=settings.group)
        async with asyncio.timeout(TRY_SECONDS):
            await consumer.start()
            try:
                tps = [
                    TopicPartition(settings.request_topic, n)
                    for n in range(settings.topic_partitions)
                ]
                consumer.assign(tps)
                await consumer.commit(dict.fromkeys(tps, 0))
            finally:
                await consumer.stop()

    async def bad_records(self, fault: Fault) -> None:
        """Copies of dispatches, dispatches that nobody sent, and no dispatches at all."""
        choose = random.Random(fault.seed)
        raw = await asyncpg.connect(self._world.postgres.url, timeout=TRY_SECONDS)
        try:
            jobs = await raw.fetch(SOME_JOBS)
        finally:
            raw.terminate()
        values = [*_copies(choose, jobs), *_forged(choose), *_garbage(choose)]
        choose.shuffle(values)
        await _until_done(lambda: topics.put(self._world.kafka_settings, values))
        await asyncio.sleep(fault.seconds)


def _copies(choose: random.Random, jobs: list[Any]) -> list[bytes | None]:
    """Of the attempt that is on, of the one before it, and of one that is to come."""
    found: list[bytes | None] = []
    for job in choose.choices(jobs, k=COPIES) if jobs else []:
        attempt = max(1, job["attempt"] + choose.choice((0, 0, 0, -1, 1)))
        found.append(record(job["id"], attempt, job_type=job["job_type"]))
    return found


def _forged(choose: random.Random) -> list[bytes | None]:
    return [record(UUID(int=choose.getrandbits(128)), 1) for _ in range(10)]


def _garbage(choose: random.Random) -> list[bytes | None]:
    huge = json.dumps({"jobId": "x" * 8_000}).encode()
    return [None, b"", b"null", b"{", choose.randbytes(200), huge, b'{"schema": 99}']


async def _until_done(call: Callable[[], Awaitable[object]]) -> None:
    """Try for a while: the broker may be away."""
    deadline = asyncio.get_running_loop().time() + TRY_SECONDS
    while asyncio.get_running_loop().time() < deadline:
        with suppress(KafkaError, OSError, TimeoutError):
            await call()
            return
        await asyncio.sleep(TRY_EVERY_SECONDS)
    raise TimeoutError(f"not done within {TRY_SECONDS:.0f} s")
