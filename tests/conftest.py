"""What every test may ask for: a database of its own, a broker, a topic of its own."""

import os
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
from aiokafka.errors import KafkaError

from shared.kafka.topics import ensure_topic
from shared.runtime.settings import Kafka
from tests.support import topics
from tests.support.components import kafka_broker, postgres_server
from tests.support.databases import database_name, fresh_database, run_coroutine
from tests.support.together import Together

_TESTS = Path(__file__).parent
_LONGEST_FIRST = (
    "compose",
    "chaos",
    "e2e",
    "contract",
    "property",
    "integration",
    "architecture",
    "unit",
)
"""A long file that begins last is waited for alone."""


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> Together:
    """With `-n`: what belongs together runs in one process."""
    return Together(config, log)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """The folder of a test is its tier, and the tier its marker."""
    for item in items:
        item.add_marker(getattr(pytest.mark, _tier(item)))
    items.sort(key=lambda item: _LONGEST_FIRST.index(_tier(item)))


def _tier(item: pytest.Item) -> str:
    return item.path.relative_to(_TESTS).parts[0]


@pytest.fixture(scope="session")
def postgres_url() -> Iterator[str]:
    """A PostgreSQL for the session, by the address of a database whose role may create others."""
    with postgres_server() as url:
        yield url


@pytest.fixture(scope="session")
def migrated_template(postgres_url: str) -> Iterator[str]:
    """The name of a database that was migrated once; nobody may stay connected to it. Who runs many sessions on
    one server may give theirs (`tests/support/mutants`).
    """
    given = os.environ.get("TESTS_TEMPLATE")
    if given:
        yield given
        return
    from job_service.postgres.migrate import migrate

    with fresh_database(postgres_url) as url:
        migrate(url)
        yield database_name(url)


@pytest.fixture
def database_url(postgres_url: str, migrated_template: str) -> Iterator[str]:
    """A fresh, migrated, empty database."""
    with fresh_database(postgres_url, template=migrated_template) as url:
        yield url


@pytest.fixture(scope="session")
def kafka_bootstrap() -> Iterator[str]:
    """A Kafka for the session, by its address."""
    with kafka_broker() as bootstrap:
        yield bootstrap


@pytest.fixture
def kafka_settings(kafka_bootstrap: str) -> Kafka:
    """Settings with names of topic and group that no other test uses; neither exists yet."""
    name = uuid4().hex
    return Kafka(bootstrap=kafka_bootstrap, request_topic=f"requests-{name}", group=f"group-{name}")


@pytest.fixture
def topic(kafka_settings: Kafka) -> Iterator[str]:
    """The request topic of `kafka_settings`, made, with its 12 topic partitions."""
    name = kafka_settings.request_topic
    run_coroutine(ensure_topic(kafka_settings, name))
    yield name
    with suppress(KafkaError, OSError, TimeoutError):
        run_coroutine(topics.delete(kafka_settings))
