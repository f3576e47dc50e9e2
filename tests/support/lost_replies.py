"""A database whose replies get lost, so that nobody knows whether a commit took place (R27)."""

from collections import deque
from collections.abc import Awaitable, Callable
from enum import Enum
from typing import Any, TypeVar

from job_service.app import Operations, make_operations
from job_service.operations.outcomes import Unknown
from job_service.postgres.database import Database, Unit
from job_service.stores import make_stores
from tests.support.job_service import Service

T = TypeVar("T")


class Fate(Enum):
    """What becomes of one unit of work. COMES_LATE: it takes effect after the next unit, when somebody has
    already looked for it and not found it."""

    WELL = "well"
    REPLY_LOST = "reply lost"
    NEVER_ARRIVES = "never arrives"
    COMES_LATE = "comes late"


UNKNOWN = (Fate.REPLY_LOST, Fate.NEVER_ARRIVES, Fate.COMES_LATE)
"""Those that the caller cannot tell apart."""


class LosingDatabase(Database):
    """Passes units on to `inner`, each to its fate; all is well when there are no more fates."""

    def __init__(self, inner: Database, fates: list[Fate]) -> None:
        self._inner = inner
        self.fates = deque(fates)
        self._late: deque[Callable[[], Awaitable[Any]] | None] = deque()

    async def run(self, unit: Unit[T]) -> T:
        return await self._meet(lambda: self._inner.run(unit))

    async def transaction(self, unit: Unit[T]) -> T:
        return await self._meet(lambda: self._inner.transaction(unit))

    async def _meet(self, work: Callable[[], Awaitable[T]]) -> T:
        late = self._late.popleft() if self._late else None
        if late is not None:
            await late()
        fate = self.fates.popleft() if self.fates else Fate.WELL
        if fate is Fate.WELL:
            return await work()
        if fate is Fate.REPLY_LOST:
            await work()
        if fate is Fate.COMES_LATE:
            self._late.extend([None, work])
        raise Unknown(f"as the test wants it: {fate.value}")


def losing(service: Service, *fates: Fate) -> Operations:
    """The service's operations over such a database."""
    stores = make_stores(service.settings)
    database = LosingDatabase(service.stores.database, list(fates))
    for store in vars(stores).values():
        if not isinstance(store, Database):
            store._database = database
    return make_operations(service.settings, stores, service.bells)
