"""The share of the pool that public requests may use at once; the rest is for internal calls and duties."""

import asyncio
from types import TracebackType

from job_service.operations.outcomes import Overloaded


class PublicShare:
    """At most `connections` units of public work at once, at most `waiters` waiting, none longer than
    `wait_seconds`. Beyond that: Overloaded, at once."""

    def __init__(self, connections: int, *, waiters: int, wait_seconds: float) -> None:
        self._free = asyncio.Semaphore(connections)
        self._waiters = waiters
        self._wait_seconds = wait_seconds
        self.waiting = 0

    async def __aenter__(self) -> None:
        if self._free.locked() and self.waiting >= self._waiters:
            raise Overloaded(f"{self.waiting} wait for a connection")
        self.waiting += 1
        try:
            async with asyncio.timeout(self._wait_seconds):
                await self._free.acquire()
        except TimeoutError:
            raise Overloaded(f"no connection within {self._wait_seconds:g} s") from None
        finally:
            self.waiting -= 1

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        at: TracebackType | None,
    ) -> None:
        self._free.release()
