"""The kinds of connection that `once` takes, each with a database of the handler's own behind it."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from typing import Any, Protocol
from uuid import UUID

import asyncpg
import pytest
from sqlalchemy.ext.asyncio import AsyncEngine, create_async_engine

from tests.support.databases import fresh_database
from worker_service.effects.__main__ import ledger_sql
from worker_service.effects.once import Token, once
from worker_service.testing.effect_ledger import EffectLedger

CHARGES = "CREATE TABLE charges (job_id uuid NOT NULL, amount integer NOT NULL)"
CHARGE = "INSERT INTO charges VALUES ($1, 12)"


class Target(Protocol):
    """A handler's database, of one kind."""

    def connect(self) -> AbstractAsyncContextManager[Any]:
        """A connection of that kind."""

    def transaction(self, connection: Any) -> AbstractAsyncContextManager[Any]:
        """A transaction as the handler itself would begin it."""

    async def charge(self, connection: Any, job_id: UUID) -> None:
        """What the handler writes."""

    async def charges(self) -> int:
        """How many rows of that committed."""


class ByAsyncpg:
    """A connection of its own each time."""

    def __init__(self, url: str) -> None:
        self.url = url

    @asynccontextmanager
    async def connect(self) -> AsyncIterator[Any]:
        raw = await asyncpg.connect(self.url)
        try:
            yield raw
        finally:
            await raw.close()

    def transaction(self, connection: Any) -> AbstractAsyncContextManager[Any]:
        return connection.transaction()  # type: ignore[no-any-return]

    async def charge(self, connection: Any, job_id: UUID) -> None:
        await connection.execute(CHARGE, job_id)

    async def charges(self) -> int:
        raw = await asyncpg.connect(self.url)
        try:
            return int(await raw.fetchval("SELECT count(*) FROM charges"))
        finally:
            await raw.close()


class ByPool(ByAsyncpg):
    """What a pool lends."""

    @asynccontextmanager
    async def connect(self) -> AsyncIterator[Any]:
        pool = asyncpg.create_pool(self.url, min_size=1, max_size=1)
        async with pool, pool.acquire() as lent:
            yield lent


class BySqlAlchemy(ByAsyncpg):
    """An AsyncConnection."""

    def engine(self) -> AsyncEngine:
        return create_async_engine(self.url.replace("postgresql://", "postgresql+asyncpg://"))

    @asynccontextmanager
    async def connect(self) -> AsyncIterator[Any]:
        engine = self.engine()
        try:
            async with engine.connect() as connection:
                yield connection
        finally:
            await engine.dispose()

    def transaction(self, connection: Any) -> AbstractAsyncContextManager[Any]:
        return connection.begin()  # type: ignore[no-any-return]

    async def charge(self, connection: Any, job_id: UUID) -> None:
        await connection.exec_driver_sql(CHARGE, (job_id,))


class InMemory:
    """The testing kit's ledger."""

    def __init__(self) -> None:
        self.ledger = EffectLedger()

    def connect(self) -> AbstractAsyncContextManager[Any]:
        return self.ledger.connect()

    def transaction(self, connection: Any) -> AbstractAsyncContextManager[Any]:
        return connection.transaction()  # type: ignore[no-any-return]

    async def charge(self, connection: Any, job_id: UUID) -> None:
        await connection.execute(CHARGE, job_id)

    async def charges(self) -> int:
        return len(self.ledger.statements)


@pytest.fixture
def handlers_database(postgres_url: str) -> Iterator[str]:
    """A database of the handler's own: nothing of Punctual but the ledger is there."""
    with fresh_database(postgres_url) as url:
        asyncio.run(_prepare(url))
        yield url


async def _prepare(url: str) -> None:
    raw = await asyncpg.connect(url)
    await raw.execute(ledger_sql())
    await raw.execute(ledger_sql())  # once more changes nothing
    await raw.execute(CHARGES)
    await raw.close()


@pytest.fixture(params=["asyncpg", "pool", "sqlalchemy", "memory"])
def target(request: pytest.FixtureRequest) -> Target:
    """Each kind in turn."""
    if request.param == "memory":
        return InMemory()
    url = request.getfixturevalue("handlers_database")
    kinds = {"asyncpg": ByAsyncpg, "pool": ByPool, "sqlalchemy": BySqlAlchemy}
    return kinds[request.param](url)


async def apply(
    target: Target, connection: Any, token: Token, name: str = "charge", *, keep: Any = None
) -> None:
    """Charge and keep, if it can be kept; `ZeroDivisionError` at the end of the block if it is "fail"."""
    async with once(connection, token, name) as effect:
        await target.charge(connection, token.job_id)
        if keep == "fail":
            raise ZeroDivisionError
        effect.keep(keep)


async def attempt(target: Target, token: Token, *, name: str = "charge") -> Any:
    """What a handler does: charge once, and answer what was kept."""
    async with target.connect() as connection:
        async with once(connection, token, name) as effect:
            if effect.fresh:
                await target.charge(connection, token.job_id)
                effect.keep({"by": token.attempt})
        return effect.result
