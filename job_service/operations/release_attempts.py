"""Release: a worker gives attempts back; they are due again at once if their time has come."""

from collections.abc import Sequence
from typing import Protocol
from uuid import UUID

from job_service.operations.doorbell import Doorbell
from job_service.operations.problems import Invalid
from shared.contracts.leases import ReleaseReply, ReleaseRequest
from shared.contracts.nodes import AttemptRef

REASONS = frozenset({"released", "shutdown", "no-slot", "unknown"})
"""Codes that history may carry for a release."""


class ReleaseStore(Protocol):
    """What it needs of the database."""

    async def release(
        self, node: UUID, items: Sequence[AttemptRef], reason: str
    ) -> list[AttemptRef]: ...


class ReleaseAttempts:
    """Releases, fenced by node and attempt. A repeat releases nothing more."""

    def __init__(self, store: ReleaseStore, doorbell: Doorbell) -> None:
        self._store = store
        self._doorbell = doorbell

    async def release(self, request: ReleaseRequest) -> ReleaseReply:
        """Give back; the attempts that the node held until now.

        Raises:
            Invalid: the reason is none of `REASONS`.
        """
        if request.reason not in REASONS:
            raise Invalid("reason", f"one of {', '.join(sorted(REASONS))}")
        released = await self._store.release(request.node, request.items, request.reason)
        if released:
            self._doorbell.ring()
        return ReleaseReply(released=released)
