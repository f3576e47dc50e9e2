"""A database with every kind of history, made once; each test breaks a copy of its own."""

from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass
from uuid import UUID

import asyncpg
import pytest

from job_service.postgres.database import Raw
from shared.runtime.settings import LeaseTimes
from tests.support.databases import database_name, fresh_database, run_coroutine
from tests.support.given import Actors
from tests.support.histories import make_every_kind
from tests.support.job_service import open_service

PATIENT = LeaseTimes(ttl=600.0, scheduler_ttl=600.0)
"""Nobody dies here but by a test's wish, however slow the machine is."""


@dataclass(frozen=True)
class Copy:
    """A database of the test's own: its address, a connection, and a job for each kind by its name."""

    url: str
    raw: Raw
    kinds: dict[str, UUID]


@pytest.fixture(scope="module")
def original(postgres_url: str, migrated_template: str) -> Iterator[tuple[str, dict[str, UUID]]]:
    """The name of the database that is copied, and its jobs."""
    with fresh_database(postgres_url, template=migrated_template) as url:
        yield database_name(url), run_coroutine(_made(url))


async def _made(url: str) -> dict[str, UUID]:
    async with open_service(url, lease=PATIENT) as service:
        actors = Actors(service, await service.scheduler(), await service.worker())
        kinds = await make_every_kind(actors)
        await service.end_amnesty()
        return kinds


@pytest.fixture
def copied(postgres_url: str, original: tuple[str, dict[str, UUID]]) -> Iterator[str]:
    """The address of the copy."""
    with fresh_database(postgres_url, template=original[0]) as url:
        yield url


@pytest.fixture
async def copy(copied: str, original: tuple[str, dict[str, UUID]]) -> AsyncIterator[Copy]:
    """Not guarded by triggers any more."""
    raw = await asyncpg.connect(copied)
    try:
        await raw.execute("SET session_replication_role = replica")
        yield Copy(copied, raw, original[1])
    finally:
        await raw.close()
