"""A database in memory for handlers that use `context.once`: it keeps what committed, and can be asked for it.

Of a handler's own statements it knows no meaning: it records them.
"""

import asyncio
from collections.abc import Generator, Sequence
from typing import Any
from uuid import UUID

from worker_service.testing.memory_connection import (
    Answer,
    Applied,
    MemoryConnection,
    Statement,
    Store,
)


class EffectLedger:
    """Give `connect` to the handler in the place of `asyncpg.connect`, or of a pool's `acquire`."""

    def __init__(self, *, answer: Answer | None = None) -> None:
        self._store = Store(answer)

    def connect(self, *_: object, **__: object) -> "Opening":
        """A connection, to be awaited or used by `async with`, whatever the arguments."""
        return Opening(self._store)

    acquire = connect

    @property
    def statements(self) -> Sequence[Statement]:
        """The handlers' own statements that committed, in the order of their commits."""
        return tuple(self._store.committed.statements)

    def effects(self, job_id: UUID | None = None) -> list[Applied]:
        """The effects that committed, those of one job only if it is given."""
        rows = self._store.committed.rows.items()
        return [row for (job, name), row in rows if name and (job_id is None or job == job_id)]


class Opening:
    """A connection that is being opened; `async with` closes it too."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._connection: MemoryConnection | None = None

    def __await__(self) -> Generator[Any, None, MemoryConnection]:
        return self._made().__await__()

    async def _made(self) -> MemoryConnection:
        self._connection = MemoryConnection(self._store)
        await asyncio.sleep(0)
        return self._connection

    async def __aenter__(self) -> MemoryConnection:
        return await self._made()

    async def __aexit__(self, *_: object) -> None:
        if self._connection is not None:
            await self._connection.close()
