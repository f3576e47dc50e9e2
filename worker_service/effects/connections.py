"""The two kinds of connection that a handler may bring, as what the ledger needs of them.

Neither library is imported: a handler that has such a connection has imported it.
"""

from collections.abc import Sequence
from contextlib import AbstractAsyncContextManager
from typing import Any, Protocol

AnyConnection = Any
"""An `asyncpg.Connection` (one of a pool too), or a `sqlalchemy.ext.asyncio.AsyncConnection` with asyncpg."""


class LedgerConnection(Protocol):
    """What the ledger needs."""

    def transaction(self) -> AbstractAsyncContextManager[Any]:
        """One of its own, or a savepoint in the caller's."""

    async def row(self, statement: str, *arguments: object) -> Sequence[Any] | None:
        """The first row; None without any."""


class _Asyncpg:
    def __init__(self, connection: Any) -> None:
        self._connection = connection

    def transaction(self) -> AbstractAsyncContextManager[Any]:
        return self._connection.transaction()  # type: ignore[no-any-return]

    async def row(self, statement: str, *arguments: object) -> Sequence[Any] | None:
        return await self._connection.fetchrow(statement, *arguments)  # type: ignore[no-any-return]


class _SqlAlchemy:
    def __init__(self, connection: Any) -> None:
        self._connection = connection

    def transaction(self) -> AbstractAsyncContextManager[Any]:
        """One of its own, or a savepoint in one that the caller began.

        Raises:
            ValueError: SQLAlchemy began it, with the caller's first statement. Nobody may ever commit that,
            and an effect in it would be gone although the handler has seen it applied.
        """
        connection = self._connection
        if not connection.in_transaction():
            return connection.begin()  # type: ignore[no-any-return]
        if _began_by_itself(connection):
            raise ValueError(
                "the connection is in a transaction that SQLAlchemy began with an earlier statement: commit it "
                "before `once`, or write `async with connection.begin():` around both"
            )
        return connection.begin_nested()  # type: ignore[no-any-return]

    async def row(self, statement: str, *arguments: object) -> Sequence[Any] | None:
        result = await self._connection.exec_driver_sql(statement, arguments)
        return result.first()  # type: ignore[no-any-return]


def _began_by_itself(connection: Any) -> bool:
    """A transaction that somebody began has an object that they hold; one that began by itself has none."""
    begun = connection.sync_connection.get_transaction()
    known = type(connection.begin())._retrieve_proxy_for_target  # noqa: SLF001  # nothing public tells it
    return known(begun, regenerate=False) is None


def adapted(connection: AnyConnection) -> LedgerConnection:
    """By what it can do.

    Raises:
        TypeError: it is neither of the two.
    """
    if hasattr(connection, "fetchrow") and hasattr(connection, "transaction"):
        return _Asyncpg(connection)
    if hasattr(connection, "sync_connection") and connection.dialect.driver == "asyncpg":
        return _SqlAlchemy(connection)
    raise TypeError(
        f"{type(connection).__name__} is no connection for `once`: bring one of asyncpg, "
        "or an AsyncConnection of SQLAlchemy with the driver asyncpg"
    )
