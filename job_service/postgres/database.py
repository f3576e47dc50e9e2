"""The pool, and the one way to run a unit of database work.

A unit runs in a task of its own that no cancellation reaches (a cancelled unit would leave a connection with
an open transaction and its locks behind), on asyncpg's raw connection, under a time limit. Every exception of
the driver is sorted into one of three kinds:

DatabaseError
 +- Definite     the statement was refused; nothing happened
 +- Retryable    nothing happened, and the same call may succeed later
 +- Unknown      the connection broke on the way: it may or may not have happened (R27)

Public requests get a share of the pool (`PublicShare`); the rest stays for internal calls and duties.

Plans are pinned: with statistics of an empty table PostgreSQL flips the narrow tables' plans to sequential
scans and hash joins after a million jobs (DESIGN section 5), so these are off on our connections (ADR 0003).
So are parallel workers: no statement of ours reads so much that they pay, though a feed that is behind looked
like it.
"""

import asyncio
from collections import Counter
from collections.abc import Awaitable, Callable
from typing import Any, TypeVar

import asyncpg
from sqlalchemy.exc import DBAPIError
from sqlalchemy.exc import TimeoutError as PoolTimeout
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine, create_async_engine
from sqlalchemy.pool import QueuePool

from job_service.operations.lane import public_work
from job_service.operations.outcomes import DatabaseError, Definite, Locked, Retryable, Unknown
from job_service.postgres.address import driver_url
from job_service.postgres.public_share import PublicShare
from shared.runtime.log import get
from shared.runtime.settings import Database as DatabaseSettings

T = TypeVar("T")
Raw = asyncpg.Connection
Unit = Callable[[Raw], Awaitable[T]]

POOL_WAIT_SECONDS = 2.0
_RETRYABLE = (
    asyncpg.SerializationError,
    asyncpg.DeadlockDetectedError,
    asyncpg.QueryCanceledError,
    asyncpg.TooManyConnectionsError,
    asyncpg.CannotConnectNowError,
)
_KEEPALIVE = {
    "tcp_keepalives_idle": "5",
    "tcp_keepalives_interval": "2",
    "tcp_keepalives_count": "3",
    "tcp_user_timeout": "10000",
    "client_connection_check_interval": "5000",
}
"""When this host is gone without a word the server ends its sessions within some 10 s, and their locks with
them. Else they last for hours: a session in the middle of a statement's messages counts as active, and no
time limit of the server ends it."""


def _server_settings(settings: DatabaseSettings) -> dict[str, str]:
    return {
        "application_name": "job_service",
        "timezone": "UTC",
        "synchronous_commit": "on",
        "jit": "off",
        "enable_seqscan": "off",
        "enable_hashjoin": "off",
        "enable_mergejoin": "off",
        "enable_partitionwise_join": "on",
        "max_parallel_workers_per_gather": "0",
        "statement_timeout": str(int(settings.statement_timeout * 1000)),
        "lock_timeout": str(int(settings.lock_timeout * 1000)),
        "idle_in_transaction_session_timeout": str(
            int(settings.idle_in_transaction_timeout * 1000)
        ),
        **_KEEPALIVE,
    }


class Database:
    """One pool of connections to one PostgreSQL."""

    def __init__(self, settings: DatabaseSettings) -> None:
        self._settings = settings
        self._limit = settings.statement_timeout + settings.connect_timeout
        self._units: set[asyncio.Task[Any]] = set()
        self._pool_renewed = float("-inf")
        self._log = get(__name__)
        self.errors: Counter[str] = Counter()
        """Units that failed, by kind."""
        self.public = PublicShare(
            max(1, settings.pool_size - settings.reserved),
            waiters=settings.public_waiters,
            wait_seconds=settings.public_wait,
        )
        self.engine: AsyncEngine = create_async_engine(
            driver_url(settings.url),
            pool_size=settings.pool_size,
            max_overflow=0,
            pool_timeout=POOL_WAIT_SECONDS,
            connect_args={
                "timeout": settings.connect_timeout,
                "command_timeout": self._limit,
                "server_settings": _server_settings(settings),
            },
        )

    async def run(self, unit: Unit[T]) -> T:
        """Run one unit of work; it ends even if the caller is cancelled.

        Raises:
            DatabaseError: Definite, Retryable or Unknown.
        """
        task = asyncio.create_task(self._run(unit))
        self._units.add(task)
        task.add_done_callback(self._units.discard)
        return await asyncio.shield(task)

    async def transaction(self, unit: Unit[T]) -> T:
        """As `run`, all statements in one READ COMMITTED transaction."""

        async def within(raw: Raw) -> T:
            async with raw.transaction():
                return await unit(raw)

        return await self.run(within)

    async def _run(self, unit: Unit[T]) -> T:
        try:
            if not public_work.get():
                return await self._on_a_connection(unit)
            async with self.public:
                return await self._on_a_connection(unit)
        except DatabaseError as error:
            self.errors[type(error).__name__.lower()] += 1
            raise

    async def _on_a_connection(self, unit: Unit[T]) -> T:
        try:
            connection = await self.engine.connect()
        except Exception as error:
            raise Retryable(f"no connection to the database: {error!r}"[:300]) from error
        try:
            raw = await self._raw(connection)
            async with asyncio.timeout(self._limit * 2):
                return await unit(raw)
        except DatabaseError:
            raise
        except Exception as error:
            await self._sort(error, connection)
            raise
        finally:
            await connection.close()

    async def _raw(self, connection: AsyncConnection) -> Raw:
        fairy = await connection.get_raw_connection()
        raw = fairy.driver_connection
        assert raw is not None
        return raw  # type: ignore[no-any-return]

    async def _sort(self, error: Exception, connection: AsyncConnection) -> None:
        """Raise what the error means; drop connections that may be broken."""
        if isinstance(error, asyncpg.LockNotAvailableError):
            raise Locked(repr(error)[:300]) from error
        if isinstance(error, _RETRYABLE):
            raise Retryable(repr(error)[:300]) from error
        state = getattr(error, "sqlstate", None) or ""
        server_gone = state[:2] in {"08", "57"} or state == "25006"
        if isinstance(error, asyncpg.PostgresError) and not server_gone:
            raise Definite(repr(error)[:300], sqlstate=state) from error
        driver = (
            asyncpg.PostgresError
            | asyncpg.InterfaceError
            | asyncpg.InternalClientError
            | OSError
            | TimeoutError
            | PoolTimeout
            | DBAPIError
        )
        if not isinstance(error, driver):
            return
        self._log.warning("database connection lost", error=repr(error)[:200])
        await connection.invalidate()
        if server_gone or isinstance(error, OSError):
            self._renew_pool()
        raise Unknown(repr(error)[:300]) from error

    def _renew_pool(self) -> None:
        """The other idle connections lead to the same dead server: close them all, once a second."""
        now = asyncio.get_running_loop().time()
        if now < self._pool_renewed + 1.0:
            return
        self._pool_renewed = now
        task = asyncio.create_task(self.engine.dispose())
        self._units.add(task)
        task.add_done_callback(self._units.discard)

    def connections(self) -> dict[str, int]:
        """The pool: connections that are in use, and those that wait for work."""
        pool = self.engine.pool
        assert isinstance(pool, QueuePool)
        return {"in-use": pool.checkedout(), "idle": pool.checkedin()}

    async def close(self) -> None:
        """Let running units end, then close the pool."""
        if self._units:
            await asyncio.wait(self._units, timeout=self._limit)
        await self.engine.dispose()
