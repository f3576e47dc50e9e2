"""Reap: declare silent nodes dead, then take back what the dead hold (DESIGN section 4.8).

A tick is written each second; after a gap in the ticks reaping is suspended for one TTL, because renewals may
have been impossible (R14). Marking and moving are two statements, and what a dead node holds is looked for
again each round (R4).
"""

from collections.abc import Mapping
from typing import Any, Protocol

from job_service.operations.doorbell import Doorbell
from shared.runtime import failpoints
from shared.runtime.log import get

BATCH = 500


class ReapStore(Protocol):
    """What the reaper needs of the database."""

    async def tick(self) -> bool: ...
    async def mark_dead(self) -> int: ...
    async def take_back(self, limit: int) -> list[Any]: ...
    async def arm_claims_of_dead(self, limit: int) -> int: ...


class Reap:
    """One round: tick, mark, take back a batch."""

    EVERY_SECONDS = 0.5

    def __init__(self, store: ReapStore, doorbell: Doorbell) -> None:
        self._store = store
        self._doorbell = doorbell
        self._log = get(__name__)

    async def run_once(self) -> Mapping[str, int]:
        """Counts: `dead` nodes marked, jobs `taken` back, `poisoned`, `armed` again."""
        suspended = await self._store.tick()
        dead = 0 if suspended else await self._store.mark_dead()
        if dead:
            failpoints.hit("reap.marked")
        taken = await self._store.take_back(BATCH)
        armed = await self._store.arm_claims_of_dead(BATCH)
        poisoned = sum(row["reason"] == "poison" for row in taken)
        if dead or taken or armed:
            self._log.warning("reaped", dead=dead, taken=len(taken), armed=armed, poison=poisoned)
            self._doorbell.ring()
        more = int(len(taken) == BATCH or armed == BATCH)
        return {
            "suspended": int(suspended),
            "dead": dead,
            "taken": len(taken),
            "poisoned": poisoned,
            "armed": armed,
            "more": more,
        }
