"""A PostgreSQL and a Kafka for a test session: at a given address, in containers, or as local
processes.

A missing component skips the test loudly on a laptop and fails it in CI, so that CI never passes by
skipping.
"""

import os
import shutil
import signal
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NoReturn, TypeVar

import pytest

from punctual.local.kafka import KafkaBroker
from punctual.local.ports import HOST, any_free
from punctual.local.postgres import PostgresServer
from punctual.local.problems import MissingComponent

POSTGRES_IMAGE = "postgres:17"
KAFKA_IMAGE = "apache/kafka:4.1.0"
CONTAINER_LIMIT_SECONDS = 60

T = TypeVar("T")


def missing(reason: str) -> NoReturn:
    """Skip, or fail in CI."""
    if os.environ.get("CI"):
        pytest.fail(f"CI must not skip: {reason}", pytrace=False)
    pytest.skip(f"NOT TESTED: {reason}")


@contextmanager
def postgres_server() -> Iterator[str]:
    """The address of a database whose role may create databases."""
    given = os.environ.get("PUNCTUAL_TEST_DATABASE_URL")
    if given:
        yield given
    elif os.environ.get("TESTS_ON") == "docker":
        yield from _postgres_container()
    else:
        with own_postgres() as server:
            yield server.url


@contextmanager
def own_postgres() -> Iterator[PostgresServer]:
    """A server for a test that restarts it: always a local process."""
    with state_directory() as root:
        server = _or_missing(lambda: PostgresServer(root, fsync=False))
        try:
            _or_missing(server.start)
            yield server
        finally:
            server.stop()
            server.remove()


@contextmanager
def kafka_broker() -> Iterator[str]:
    """The bootstrap address of a broker."""
    given = os.environ.get("PUNCTUAL_TEST_KAFKA")
    if given:
        yield given
    elif os.environ.get("TESTS_ON") == "docker":
        yield from _kafka_container()
    else:
        with own_broker() as broker:
            yield broker.bootstrap


@contextmanager
def own_broker() -> Iterator[KafkaBroker]:
    """A broker for a test that stops it: always a local process."""
    with state_directory() as root:
        broker = KafkaBroker(root)
        try:
            _or_missing(broker.start)
            yield broker
        finally:
            broker.stop()
            broker.remove()


@contextmanager
def frozen_broker(broker: KafkaBroker) -> Iterator[None]:
    """SIGSTOP: connections stand and nothing is answered. SIGCONT at the end."""
    broker.daemon.send(signal.SIGSTOP)
    try:
        yield
    finally:
        broker.daemon.send(signal.SIGCONT)


@contextmanager
def state_directory() -> Iterator[Path]:
    """A state directory that PostgreSQL's account may enter, unlike pytest's own."""
    root = Path(tempfile.mkdtemp(prefix="punctual-test-"))
    root.chmod(0o755)
    try:
        yield root
    finally:
        shutil.rmtree(root, ignore_errors=True)


def _or_missing(start: Callable[[], T]) -> T:
    try:
        return start()
    except MissingComponent as problem:
        missing(str(problem))


def _postgres_container() -> Iterator[str]:
    _prepare_containers()
    from testcontainers.community.postgres import PostgresContainer

    container = PostgresContainer(POSTGRES_IMAGE, driver=None)
    with container as started:
        yield started.get_connection_url()


def _prepare_containers() -> None:
    """What testcontainers reads when it is imported: no helper container, and published ports of loopback
    also where these tests themselves run in a container."""
    os.environ["TESTCONTAINERS_RYUK_DISABLED"] = "true"
    os.environ["TESTCONTAINERS_HOST_OVERRIDE"] = HOST
    os.environ["TESTCONTAINERS_CONNECTION_MODE"] = "docker_host"


def _kafka_container() -> Iterator[str]:
    _prepare_containers()
    from testcontainers.core.container import DockerContainer
    from testcontainers.core.wait_strategies import LogMessageWaitStrategy

    port = any_free()
    container = DockerContainer(KAFKA_IMAGE).with_bind_ports(9092, port)
    for name, value in _KAFKA_SETTINGS.items():
        container.with_env(name, value)
    container.with_env("KAFKA_ADVERTISED_LISTENERS", f"PLAINTEXT://{HOST}:{port}")
    # The port alone says nothing: Docker's own proxy accepts on it before the broker does.
    started = LogMessageWaitStrategy("Kafka Server started")
    container.waiting_for(started.with_startup_timeout(CONTAINER_LIMIT_SECONDS))
    with container:
        yield f"{HOST}:{port}"


_KAFKA_SETTINGS = {
    "KAFKA_NODE_ID": "1",
    "KAFKA_PROCESS_ROLES": "broker,controller",
    "KAFKA_CONTROLLER_QUORUM_VOTERS": "1@localhost:9093",
    "KAFKA_CONTROLLER_LISTENER_NAMES": "CONTROLLER",
    "KAFKA_LISTENERS": "PLAINTEXT://:9092,CONTROLLER://:9093",
    "KAFKA_INTER_BROKER_LISTENER_NAME": "PLAINTEXT",
    "KAFKA_LISTENER_SECURITY_PROTOCOL_MAP": "CONTROLLER:PLAINTEXT,PLAINTEXT:PLAINTEXT",
    "KAFKA_OFFSETS_TOPIC_REPLICATION_FACTOR": "1",
    "KAFKA_TRANSACTION_STATE_LOG_REPLICATION_FACTOR": "1",
    "KAFKA_TRANSACTION_STATE_LOG_MIN_ISR": "1",
    "KAFKA_SHARE_COORDINATOR_STATE_TOPIC_REPLICATION_FACTOR": "1",
    "KAFKA_SHARE_COORDINATOR_STATE_TOPIC_MIN_ISR": "1",
    "KAFKA_GROUP_INITIAL_REBALANCE_DELAY_MS": "0",
    "KAFKA_AUTO_CREATE_TOPICS_ENABLE": "false",
}
"""The same as `punctual/local/kafka.py` sets for a single node."""
