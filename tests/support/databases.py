"""A fresh database for each test: a copy of a template that was migrated once."""

import asyncio
from collections.abc import Coroutine, Iterator
from contextlib import contextmanager
from typing import Any, TypeVar
from urllib.parse import urlsplit, urlunsplit
from uuid import uuid4

import asyncpg

T = TypeVar("T")

CONNECT_LIMIT_SECONDS = 10.0
STATEMENT_LIMIT_SECONDS = 60.0


@contextmanager
def fresh_database(admin_url: str, *, template: str = "template1") -> Iterator[str]:
    """The address of a new database, dropped at the end with whoever is still connected."""
    name = f"punctual_{uuid4().hex}"
    execute(admin_url, f'CREATE DATABASE "{name}" TEMPLATE "{template}"')
    try:
        yield at_database(admin_url, name)
    finally:
        execute(admin_url, f'DROP DATABASE IF EXISTS "{name}" WITH (FORCE)')


def at_database(url: str, name: str) -> str:
    """The same server, another database."""
    return urlunsplit(urlsplit(url)._replace(path=f"/{name}"))


def database_name(url: str) -> str:
    """The database of an address."""
    return urlsplit(url).path.removeprefix("/")


def execute(url: str, sql: str) -> None:
    """One statement on a connection of its own, from code where no loop runs."""

    async def run() -> None:
        connection = await asyncpg.connect(url, timeout=CONNECT_LIMIT_SECONDS)
        try:
            await connection.execute(sql, timeout=STATEMENT_LIMIT_SECONDS)
        finally:
            await connection.close()

    run_coroutine(run())


def run_coroutine(coroutine: Coroutine[Any, Any, T]) -> T:
    """Run on a loop of its own, leaving the loop of pytest-asyncio as it is."""
    with asyncio.Runner(loop_factory=asyncio.new_event_loop) as runner:
        return runner.run(coroutine)
