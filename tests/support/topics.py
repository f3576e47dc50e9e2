"""A topic and its group, looked at and written to from outside."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import Any

from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.errors import for_code

from shared.kafka.options import admin_options, producer_options
from shared.runtime.settings import Kafka

CALL_LIMIT_SECONDS = 30.0
MAX_REQUEST_BYTES = 2_000_000
READ_MS = 500
NO_KEY = b""
"""The client refuses a record with neither key nor value."""

Place = tuple[int, int]
"""Topic partition and offset of a record."""


async def put(settings: Kafka, values: Sequence[bytes | None]) -> list[Place]:
    """Put records on the request topic, spread over its topic partitions in turn; where each one
    is."""
    options = {**producer_options(settings), "max_request_size": MAX_REQUEST_BYTES}
    producer = AIOKafkaProducer(**options)
    async with asyncio.timeout(CALL_LIMIT_SECONDS):
        await producer.start()
        try:
            sent = [
                await producer.send(
                    settings.request_topic,
                    value,
                    key=NO_KEY,
                    partition=n % settings.topic_partitions,
                )
                for n, value in enumerate(values)
            ]
            done = await asyncio.gather(*sent)
        finally:
            await producer.stop()
    return [(meta.partition, meta.offset) for meta in done]


async def records(settings: Kafka) -> dict[Place, Any]:
    """Every record on the request topic, in order within its topic partition."""
    found: dict[Place, Any] = {}
    async with asyncio.timeout(CALL_LIMIT_SECONDS), _reader(settings) as reader:
        reader.assign(_topic_partitions(settings))
        await reader.seek_to_beginning()
        wanted = sum((await reader.end_offsets(_topic_partitions(settings))).values())
        while len(found) < wanted:
            for batch in (await reader.getmany(timeout_ms=READ_MS)).values():
                found.update({(record.partition, record.offset): record for record in batch})
    return found


async def ends(settings: Kafka) -> dict[int, int]:
    """Where each topic partition of the request topic ends."""
    async with asyncio.timeout(CALL_LIMIT_SECONDS), _reader(settings) as reader:
        offsets = await reader.end_offsets(_topic_partitions(settings))
    return {tp.partition: offset for tp, offset in offsets.items()}


async def committed(settings: Kafka) -> dict[int, int]:
    """What the worker group committed, by topic partition; those without an offset are not in
    it."""
    async with asyncio.timeout(CALL_LIMIT_SECONDS), _admin(settings) as admin:
        offsets = await admin.list_consumer_group_offsets(
            settings.group, partitions=_topic_partitions(settings)
        )
    return {tp.partition: meta.offset for tp, meta in offsets.items() if meta.offset >= 0}


async def is_there(settings: Kafka) -> bool:
    """Whether the broker lists the request topic."""
    async with asyncio.timeout(CALL_LIMIT_SECONDS), _admin(settings) as admin:
        return settings.request_topic in await admin.list_topics()


async def delete(settings: Kafka) -> None:
    """Delete the request topic with all records.

    Raises:
        KafkaError: the broker refused, or there is no such topic.
    """
    async with asyncio.timeout(CALL_LIMIT_SECONDS), _admin(settings) as admin:
        reply = await admin.delete_topics([settings.request_topic])
    (_, code, *_), *_ = reply.topic_error_codes
    if code != 0:
        raise for_code(code)(settings.request_topic)


def _topic_partitions(settings: Kafka) -> list[TopicPartition]:
    return [TopicPartition(settings.request_topic, n) for n in range(settings.topic_partitions)]


@asynccontextmanager
async def _admin(settings: Kafka) -> AsyncIterator[AIOKafkaAdminClient]:
    admin = AIOKafkaAdminClient(**admin_options(settings))
    await admin.start()
    try:
        yield admin
    finally:
        await admin.close()


@asynccontextmanager
async def _reader(settings: Kafka) -> AsyncIterator[AIOKafkaConsumer]:
    reader = AIOKafkaConsumer(bootstrap_servers=settings.bootstrap)
    await reader.start()
    try:
        yield reader
    finally:
        await reader.stop()
