"""PostgreSQL and Kafka as local processes: they come back after a kill with what they were told."""

import asyncio
import signal
from collections.abc import Iterator
from pathlib import Path

import asyncpg
import pytest
from aiokafka import AIOKafkaProducer

from punctual.local.kafka import KafkaBroker
from punctual.local.ports import accepts
from punctual.local.postgres import PostgresServer
from punctual.local.problems import MissingComponent
from shared.kafka.options import producer_options
from shared.kafka.topics import ensure_topic
from shared.runtime.settings import Kafka
from tests.support.components import missing, state_directory
from tests.support.databases import execute, run_coroutine

LIMIT_SECONDS = 20.0


@pytest.fixture
def root() -> Iterator[Path]:
    with state_directory() as folder:
        yield folder


def test_postgres_comes_back_after_a_kill_with_what_was_committed(root: Path) -> None:
    server = PostgresServer(root)
    _start(server)
    try:
        execute(server.url, "CREATE TABLE kept AS SELECT 42 AS answer")
        server.daemon.send(signal.SIGKILL)
        assert server.daemon.gone(within_seconds=5)
        server.start()
        assert run_coroutine(_answer(server.url)) == 42
        server.stop(immediate=True)
        server.start()
        assert run_coroutine(_answer(server.url)) == 42
    finally:
        server.stop()
        server.remove()
    assert not accepts(server.port)


def test_kafka_comes_back_after_a_kill_with_its_topics(root: Path) -> None:
    broker = KafkaBroker(root)
    _start(broker)
    try:
        settings = Kafka(bootstrap=broker.bootstrap)
        assert run_coroutine(ensure_topic(settings, "kept")) is True
        broker.daemon.send(signal.SIGKILL)
        assert broker.daemon.gone(within_seconds=5)
        broker.start()
        assert run_coroutine(ensure_topic(settings, "kept")) is False
        assert run_coroutine(_send(settings, "kept")) == 0
    finally:
        broker.stop()
        broker.remove()
    assert not accepts(broker.port)


def _start(server: PostgresServer | KafkaBroker) -> None:
    try:
        server.start()
    except MissingComponent as problem:
        missing(str(problem))


async def _answer(url: str) -> object:
    connection = await asyncpg.connect(url, timeout=LIMIT_SECONDS)
    try:
        return await connection.fetchval("SELECT answer FROM kept", timeout=LIMIT_SECONDS)
    finally:
        await connection.close()


async def _send(settings: Kafka, topic: str) -> int:
    """The offset of a record sent to the first topic partition."""
    producer = AIOKafkaProducer(**producer_options(settings))
    async with asyncio.timeout(LIMIT_SECONDS):
        await producer.start()
        try:
            sent = await producer.send_and_wait(topic, b"x", partition=0)
        finally:
            await producer.stop()
    return int(sent.offset)
