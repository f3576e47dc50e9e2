"""A connection to a database in memory: transactions, savepoints, the ledger's own statements, and the lock
that lets one transaction at a time write for a job, as PostgreSQL does them.
"""

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from types import TracebackType
from typing import Any
from uuid import UUID

from worker_service.effects.once import APPLIED, FENCE, KNOWN
from worker_service.testing.crash_loop import CrashLoop

Answer = Callable[[str, tuple[Any, ...]], Sequence[Any]]
"""The rows that answer a handler's own query: of its text and arguments."""
_Key = tuple[UUID, str]


class AlreadyApplied(Exception):
    """One effect was applied twice in one transaction: `once` inside `once` with the same name."""


@dataclass(frozen=True)
class Statement:
    """A statement of the handler's own that committed."""

    text: str
    arguments: tuple[Any, ...]


@dataclass(frozen=True)
class Applied:
    """An effect that committed. `result` is what was kept with it, as JSON."""

    job_id: UUID
    name: str
    epoch: int
    attempt: int
    result: str | None


@dataclass
class Written:
    """What committed; or what a transaction, or a savepoint in it, has done and not committed, with the jobs
    that it has locked.
    """

    rows: dict[_Key, Applied] = field(default_factory=dict)
    statements: list[Statement] = field(default_factory=list)
    locks: set[UUID] = field(default_factory=set)


class Store:
    """What the connections to one database share. `owners`: whose transaction has written for a job."""

    def __init__(self, answer: Answer | None) -> None:
        self.committed = Written()
        self.owners: dict[UUID, MemoryConnection] = {}
        self.open: list[MemoryConnection] = []
        self._answer = answer

    def answer(self, text: str, arguments: tuple[Any, ...]) -> Sequence[Any]:
        """The rows for a handler's query.

        Raises:
            LookupError: nobody gave answers.
        """
        if self._answer is None:
            raise LookupError(
                f"the ledger in memory answers no queries ({text.strip()[:60]!r}): "
                "give EffectLedger(answer=…), or test on a PostgreSQL"
            )
        return self._answer(text, arguments)


class MemoryConnection:
    """As much of an `asyncpg.Connection` as a handler needs to write. `look_again` is set when a lock was let
    go. Each operation lets go of the loop once, after it took effect, so that a handler can be crashed there.
    """

    def __init__(self, store: Store) -> None:
        self._store = store
        self._levels: list[Written] = []
        self.look_again = asyncio.Event()
        self._closed = False
        store.open.append(self)
        loop = asyncio.get_running_loop()
        if isinstance(loop, CrashLoop):
            loop.at_death(self.terminate)

    def transaction(self, **_: object) -> "MemoryTransaction":
        """One, or a savepoint in the one that is open."""
        return MemoryTransaction(self)

    def is_in_transaction(self) -> bool:
        """Whether one is open."""
        return bool(self._levels)

    async def execute(self, text: str, *arguments: Any) -> str:
        """Record a statement; its status, as if it had changed one row."""
        await self._record(text, arguments)
        verb = text.split(maxsplit=1)[0].upper() if text.strip() else ""
        return f"{verb} 0 1" if verb == "INSERT" else f"{verb} 1"

    async def executemany(self, text: str, arguments: Sequence[Sequence[Any]]) -> None:
        """Record a statement for each of the arguments, in one transaction."""
        async with self.transaction():
            for each in arguments:
                await self._record(text, tuple(each))

    async def fetch(self, text: str, *arguments: Any) -> list[Any]:
        """The ledger's answer; recorded as a statement too, for it may write."""
        rows = self._store.answer(text, arguments)
        await self._record(text, arguments)
        return list(rows)

    async def fetchval(self, text: str, *arguments: Any) -> Any:
        """The first value of the first row; None without one."""
        rows = await self.fetch(text, *arguments)
        return rows[0][0] if rows else None

    async def fetchrow(self, text: str, *arguments: Any) -> Any:
        """The first row; None without one. The ledger's own statements are carried out."""
        if text not in (FENCE, KNOWN, APPLIED):
            rows = await self.fetch(text, *arguments)
            return rows[0] if rows else None
        async with self._step():
            if text == FENCE:
                return await self._fence(*arguments)
            if text == KNOWN:
                known = self._read(arguments)
                return None if known is None else (known.result,)
            return self._apply(*arguments)

    async def close(self) -> None:
        """What did not commit is gone."""
        self.terminate()
        await asyncio.sleep(0)

    def terminate(self) -> None:
        """The same at once."""
        while self._levels:
            self.end(committed=False)
        self._closed = True
        if self in self._store.open:
            self._store.open.remove(self)

    def begin(self) -> None:
        """Open a transaction, or a savepoint."""
        self._check()
        self._levels.append(Written())

    def end(self, *, committed: bool) -> None:
        """End the innermost one: it goes to the one around it, or to the database; or is forgotten."""
        level = self._levels.pop()
        outer = self._levels[-1] if self._levels else self._store.committed
        if committed:
            outer.statements.extend(level.statements)
            outer.rows.update(level.rows)
        if committed and self._levels:
            outer.locks |= level.locks
            return
        for job_id in level.locks:
            del self._store.owners[job_id]
        for connection in self._store.open:
            connection.look_again.set()

    @asynccontextmanager
    async def _step(self) -> AsyncIterator[None]:
        """A statement: outside a transaction it is one."""
        self._check()
        alone = not self._levels
        if alone:
            self.begin()
        try:
            yield
        except BaseException:
            if alone and self._levels:
                self.end(committed=False)
            raise
        if alone:
            self.end(committed=True)
        await asyncio.sleep(0)

    async def _record(self, text: str, arguments: tuple[Any, ...]) -> None:
        async with self._step():
            self._levels[-1].statements.append(Statement(text, arguments))

    async def _fence(self, job_id: UUID, epoch: int, attempt: int) -> tuple[int] | None:
        await self._lock(job_id)
        last = self._read((job_id, ""))
        if last is not None and (last.epoch, last.attempt) > (epoch, attempt):
            return None
        self._levels[-1].rows[job_id, ""] = Applied(job_id, "", epoch, attempt, None)
        return (attempt,)

    def _apply(
        self, job_id: UUID, name: str, epoch: int, attempt: int, result: str | None
    ) -> tuple[int]:
        if self._read((job_id, name)) is not None:
            raise AlreadyApplied(f"{name!r} of job {job_id} was applied in this transaction")
        self._levels[-1].rows[job_id, name] = Applied(job_id, name, epoch, attempt, result)
        return (attempt,)

    async def _lock(self, job_id: UUID) -> None:
        """Wait until no other connection's transaction has written for the job."""
        owners = self._store.owners
        while owners.get(job_id, self) is not self:
            self.look_again.clear()
            await self.look_again.wait()
        if job_id not in owners:
            owners[job_id] = self
            self._levels[-1].locks.add(job_id)

    def _read(self, key: Sequence[Any]) -> Applied | None:
        """As this transaction sees it."""
        wanted = (key[0], key[1])
        for level in reversed(self._levels):
            if wanted in level.rows:
                return level.rows[wanted]
        return self._store.committed.rows.get(wanted)

    def _check(self) -> None:
        if self._closed:
            raise ConnectionError("the connection is closed")


class MemoryTransaction:
    """One of `MemoryConnection`: `async with`, or `start` and then `commit` or `rollback`."""

    def __init__(self, connection: MemoryConnection) -> None:
        self._connection = connection

    async def start(self) -> None:
        """Begin it."""
        self._connection.begin()
        await asyncio.sleep(0)

    async def commit(self) -> None:
        """What it did counts from here on."""
        self._connection.end(committed=True)
        await asyncio.sleep(0)

    async def rollback(self) -> None:
        """Nothing of it counts."""
        if self._connection.is_in_transaction():
            self._connection.end(committed=False)
        await asyncio.sleep(0)

    async def __aenter__(self) -> "MemoryTransaction":
        await self.start()
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        await (self.commit() if kind is None else self.rollback())
