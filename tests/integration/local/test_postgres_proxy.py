"""The proxy that cuts a connection to PostgreSQL at a given message."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from urllib.parse import urlsplit

import asyncpg
import pytest

from tests.support.postgres_proxy import QUERY, SYNC, PostgresProxy

CALL_LIMIT_SECONDS = 10.0
BROKEN = (asyncpg.PostgresError, asyncpg.InterfaceError, ConnectionError)


@asynccontextmanager
async def _through(url: str) -> AsyncIterator[tuple[PostgresProxy, asyncpg.Connection]]:
    """A proxy before the database, and a connection through it."""
    port = urlsplit(url).port
    assert port is not None
    async with PostgresProxy(upstream_port=port) as proxy:
        raw = await _connect(url.replace(f":{port}/", f":{proxy.port}/"))
        try:
            yield proxy, raw
        finally:
            raw.terminate()


async def _connect(url: str) -> asyncpg.Connection:
    return await asyncpg.connect(
        url, timeout=CALL_LIMIT_SECONDS, command_timeout=CALL_LIMIT_SECONDS
    )


async def _rows(url: str) -> int:
    raw = await _connect(url)
    try:
        found: int = await raw.fetchval("SELECT count(*) FROM seen")
        return found
    finally:
        await raw.close()


@pytest.fixture
async def seen(database_url: str) -> str:
    """The address of a database with an empty table `seen`."""
    raw = await _connect(database_url)
    await raw.execute("CREATE TABLE seen (n int)")
    await raw.close()
    return database_url


async def test_what_is_not_cut_passes(seen: str) -> None:
    async with _through(seen) as (proxy, raw):
        rule = proxy.cut_reply(text=b"COMMIT", times=0)
        async with raw.transaction():
            await raw.executemany("INSERT INTO seen VALUES ($1)", [(n,) for n in range(100)])
        assert await raw.fetchval("SELECT repeat('x', 500000)") == "x" * 500_000
        assert (rule.cut, await _rows(seen)) == (0, 100)


@pytest.mark.parametrize(("before", "kept"), [(False, 1), (True, 0)])
async def test_a_commit_whose_reply_is_cut_is_done_and_one_cut_before_is_not(
    seen: str, before: bool, kept: int
) -> None:
    async with _through(seen) as (proxy, raw):
        rule = proxy.cut_reply(kind=QUERY, text=b"COMMIT", before=before)
        with pytest.raises(BROKEN):
            async with raw.transaction():
                await raw.execute("INSERT INTO seen VALUES (1)")
        assert (rule.cut, await _rows(seen)) == (1, kept)


@pytest.mark.parametrize(("before", "kept"), [(False, 1), (True, 0)])
async def test_a_statement_by_itself_is_cut_at_its_sync(seen: str, before: bool, kept: int) -> None:
    async with _through(seen) as (proxy, raw):
        insert = await raw.prepare("INSERT INTO seen VALUES ($1)")
        rule = proxy.cut_reply(kind=SYNC, before=before)
        with pytest.raises(BROKEN):
            await insert.fetch(1)
        assert (rule.cut, await _rows(seen)) == (1, kept)
