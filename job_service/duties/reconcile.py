"""Reconcile: a job that was claimed and never leased is armed again with the same attempt (R21).

This carries liveness: a lost message, a deleted topic, a forgotten claim all heal here.
"""

from collections.abc import Mapping
from typing import Protocol

from job_service.operations.doorbell import Doorbell

BATCH = 500
LOOK_AGAIN_SECONDS = 5.0
"""A claim that is overdue but not judged lost is looked at again after this."""


class ReconcileStore(Protocol):
    """What it needs of the database."""

    async def reconcile(self, limit: int, look_again_seconds: float) -> tuple[int, int]: ...


class Reconcile:
    """One round over a batch of overdue claims."""

    EVERY_SECONDS = 1.0

    def __init__(self, store: ReconcileStore, doorbell: Doorbell) -> None:
        self._store = store
        self._doorbell = doorbell

    async def run_once(self) -> Mapping[str, int]:
        """Counts: `looked` at, `armed` again."""
        looked, armed = await self._store.reconcile(BATCH, LOOK_AGAIN_SECONDS)
        if armed:
            self._doorbell.ring()
        return {"looked": looked, "armed": armed, "more": int(looked == BATCH)}
