"""Every attempt has a deadline on the server side: its time-out and 10 s (R16)."""

from collections.abc import Callable, Mapping
from typing import Protocol

from job_service.operations.doorbell import Doorbell

BATCH = 500


class OverdueStore(Protocol):
    """What it needs of the database."""

    async def end_overdue(self, limit: int, uniform: float) -> int: ...


class EndOverdue:
    """One round over a batch of attempts past their deadline."""

    EVERY_SECONDS = 1.0

    def __init__(
        self, store: OverdueStore, doorbell: Doorbell, *, uniform: Callable[[], float]
    ) -> None:
        self._store = store
        self._doorbell = doorbell
        self._uniform = uniform

    async def run_once(self) -> Mapping[str, int]:
        """Counts: attempts `ended`."""
        ended = await self._store.end_overdue(BATCH, self._uniform())
        if ended:
            self._doorbell.ring()
        return {"ended": ended, "more": int(ended == BATCH)}
