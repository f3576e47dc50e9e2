"""Doorbells: what a long-poll waits on between two looks (R26).

A waiter registers before it looks, so that a ring between the look and the wait is not lost; a ring wakes one
waiter here and is passed on to the other replicas (one notification for a flush); whoever waits looks again
after a while regardless.
"""

import asyncio
from collections import deque
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager


class Doorbell:
    """One reason to look again, of this replica. `on_ring` tells the others; it must not block.

    `everyone`: each waiter looks for something of its own, so a ring wakes them all.
    """

    def __init__(
        self, on_ring: Callable[[], None] | None = None, *, everyone: bool = False
    ) -> None:
        self._everyone = everyone
        self._waiters: deque[asyncio.Event] = deque()
        self._on_ring = on_ring
        self.on_rung: Callable[[], None] = lambda: None
        """Called at each ring, here or elsewhere."""
        self.closed = False

    def ring(self) -> None:
        """Something changed here: wake who waits, tell the other replicas."""
        self.rung_elsewhere()
        if self._on_ring is not None:
            self._on_ring()

    def rung_elsewhere(self) -> None:
        """Another replica rang: wake one waiter, or everyone."""
        self.on_rung()
        if self._everyone:
            self.wake_all()
            return
        for event in self._waiters:
            if not event.is_set():
                event.set()
                return

    def wake_all(self) -> None:
        """Rings may have been missed while the connection was away: wake every waiter."""
        for event in self._waiters:
            event.set()

    def close(self) -> None:
        """The service ends: whoever waits answers now."""
        self.closed = True
        self.wake_all()

    @asynccontextmanager
    async def waiter(self) -> AsyncIterator[asyncio.Event]:
        """Register; look while the event is registered, then wait on it."""
        event = asyncio.Event()
        self._waiters.append(event)
        try:
            yield event
        finally:
            self._waiters.remove(event)


async def wait(event: asyncio.Event, seconds: float) -> None:
    """Wait for a ring, at most `seconds`, and take it."""
    try:
        async with asyncio.timeout(max(0.0, seconds)):
            await event.wait()
    except TimeoutError:
        pass
    event.clear()
