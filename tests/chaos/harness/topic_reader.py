"""Reads the request topic from outside of the group, so that the checker knows every record that was on it.

A topic that was deleted and made anew begins again at offset 0: another epoch. What could not be read before a
deletion is not known, and is not judged.
"""

import asyncio
import json
from contextlib import suppress
from typing import Any

from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.errors import KafkaError

from shared.runtime.settings import Kafka
from tests.chaos.harness.journal import Journal

POLL_MS = 500
START_LIMIT_SECONDS = 15.0
POLL_LIMIT_SECONDS = 5.0
STOP_LIMIT_SECONDS = 3.0
AGAIN_SECONDS = 1.0


class TopicReader:
    """Records what it reads, by topic partition, epoch and offset."""

    def __init__(self, settings: Kafka, journal: Journal) -> None:
        self._settings = settings
        self._journal = journal
        self._next: dict[int, int] = {}
        self._epochs: dict[int, int] = {}

    async def run(self) -> None:
        """Read for ever, with a new client after each trouble."""
        while True:
            with suppress(KafkaError, OSError, TimeoutError):
                await self._read()
            await asyncio.sleep(AGAIN_SECONDS)

    async def _read(self) -> None:
        consumer = AIOKafkaConsumer(
            bootstrap_servers=self._settings.bootstrap,
            auto_offset_reset="earliest",
            enable_auto_commit=False,
            metadata_max_age_ms=2_000,
        )
        try:
            async with asyncio.timeout(START_LIMIT_SECONDS):
                await consumer.start()
                topic, count = self._settings.request_topic, self._settings.topic_partitions
                tps = [TopicPartition(topic, n) for n in range(count)]
                consumer.assign(tps)
                for tp in tps:
                    consumer.seek(tp, self._next.get(tp.partition, 0))
            while True:
                async with asyncio.timeout(POLL_LIMIT_SECONDS):
                    polled = await consumer.getmany(timeout_ms=POLL_MS)
                for tp, records in polled.items():
                    for record in records:
                        self._note(tp.partition, record.offset, record.value)
        finally:
            # Not cancelled when its time is over: the client swallows that and hangs on.
            await asyncio.wait({asyncio.ensure_future(consumer.stop())}, timeout=STOP_LIMIT_SECONDS)

    def _note(self, topic_partition: int, offset: int, value: bytes | None) -> None:
        if offset < self._next.get(topic_partition, 0):
            self._epochs[topic_partition] = self._epochs.get(topic_partition, 0) + 1
        self._next[topic_partition] = offset + 1
        self._journal.note(
            "record",
            topic_partition=topic_partition,
            epoch=self._epochs.get(topic_partition, 0),
            offset=offset,
            **_ids(value),
        )


def _ids(value: bytes | None) -> dict[str, Any]:
    """Job and attempt of a dispatch; None of anything else."""
    with suppress(ValueError, TypeError, KeyError):
        said = json.loads(value or b"")
        return {"job": str(said["jobId"])[:64], "attempt": int(said["attempt"])}
    return {"job": None, "attempt": None}
