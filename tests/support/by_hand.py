"""The request topic, by hand: put any record on it, and ask how far the worker group has come."""

import asyncio
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient

from shared.contracts.dispatch import Dispatch, encode
from shared.kafka.options import admin_options, producer_options
from shared.runtime.settings import Kafka
from tests.support.databases import run_coroutine
from tests.support.stacks import RunningStack

MAX_REQUEST_BYTES = 2_000_000
CALL_LIMIT_SECONDS = 30.0
NO_KEY = b""
"""The client refuses a record with neither key nor value."""

Place = tuple[int, int]
"""Topic partition and offset of a record."""


def record(job_id: UUID, attempt: int, *, job_type: str = "DUMMY") -> bytes:
    """A dispatch as a scheduler writes it, except that it says that the job was due long ago."""
    dispatch = Dispatch(
        job_id=job_id,
        attempt=attempt,
        version=attempt,
        job_type=job_type,
        due_at=datetime(2024, 1, 1, tzinfo=UTC),
    )
    return encode(dispatch, traceparent=None)[0]


def put(stack: RunningStack, values: Sequence[bytes | None]) -> list[Place]:
    """Put records on the topic, spread over its topic partitions in turn; where each one is."""
    settings = _settings(stack)

    async def send() -> list[Place]:
        options = {**producer_options(settings), "max_request_size": MAX_REQUEST_BYTES}
        producer = AIOKafkaProducer(**options)
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
            done = await asyncio.wait_for(asyncio.gather(*sent), CALL_LIMIT_SECONDS)
        finally:
            await asyncio.wait_for(producer.stop(), CALL_LIMIT_SECONDS)
        return [(meta.partition, meta.offset) for meta in done]

    return run_coroutine(send())


def lag(stack: RunningStack) -> int:
    """Records that the worker group has not committed; one that was never committed counts from 0."""
    committed, ends = _offsets(stack)
    return sum(end - max(0, committed[tp].offset) for tp, end in ends.items())


def records_on_topic(stack: RunningStack) -> int:
    """Records that were ever put on the request topic."""
    return sum(_offsets(stack)[1].values())


def _offsets(stack: RunningStack) -> tuple[dict[Any, Any], dict[Any, int]]:
    """What the worker group committed, and where the topic partitions end."""
    settings = _settings(stack)
    topic_partitions = [
        TopicPartition(settings.request_topic, n) for n in range(settings.topic_partitions)
    ]

    async def ask() -> tuple[dict[Any, Any], dict[Any, int]]:
        admin = AIOKafkaAdminClient(**admin_options(settings))
        reader = AIOKafkaConsumer(bootstrap_servers=settings.bootstrap)
        await admin.start()
        await reader.start()
        try:
            committed = await admin.list_consumer_group_offsets(
                settings.group, partitions=topic_partitions
            )
            return committed, await reader.end_offsets(topic_partitions)
        finally:
            await reader.stop()
            await admin.close()

    return run_coroutine(asyncio.wait_for(ask(), CALL_LIMIT_SECONDS))


def _settings(stack: RunningStack) -> Kafka:
    return Kafka(bootstrap=stack.stack.plan.kafka_bootstrap)
