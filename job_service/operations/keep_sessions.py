"""Sessions of nodes: register, renew, compare, leave. A node once dead stays dead."""

from collections.abc import Sequence
from datetime import datetime
from typing import Protocol
from uuid import UUID

from job_service.operations.doorbell import Doorbell
from shared.contracts.nodes import (
    AttemptRef,
    Holdings,
    Left,
    Position,
    Registered,
    RegisterNode,
    Renew,
    Renewed,
)
from shared.contracts.states import NodeRole
from shared.runtime import failpoints


class SessionStore(Protocol):
    """What sessions need of the database."""

    async def register(self, node: RegisterNode, ttl_seconds: float) -> tuple[bool, datetime]: ...
    async def renew(self, node: UUID, renew: Renew) -> float | None: ...
    async def note_positions(self, positions: Sequence[Position]) -> None: ...
    async def look(self, node: UUID) -> tuple[bool, datetime]: ...
    async def holdings(self, node: UUID) -> list[AttemptRef]: ...
    async def leave(self, node: UUID) -> bool: ...


class KeepSessions:
    """The session calls."""

    def __init__(
        self, store: SessionStore, doorbell: Doorbell, *, ttl_seconds: dict[NodeRole, float]
    ) -> None:
        self._store = store
        self._doorbell = doorbell
        self._ttl = ttl_seconds

    async def register(self, node: RegisterNode) -> Registered:
        """A process is there; a worker brings slots, so claims are looked at again."""
        ttl = self._ttl[node.role]
        live, now = await self._store.register(node, ttl)
        failpoints.hit("register.committed", node.role.value)
        self._doorbell.ring()
        return Registered(live=live, ttl_seconds=ttl, now=now)

    async def renew(self, node: UUID, renew: Renew) -> Renewed:
        """Extend a session. The stamp is read after the renewal: a lower bound all the same."""
        ttl = await self._store.renew(node, renew)
        if ttl is not None and renew.positions:
            await self._store.note_positions(renew.positions)
        _, now = await self._store.look(node)
        return Renewed(live=ttl is not None, ttl_seconds=ttl or 0.0, now=now)

    async def compare(self, node: UUID) -> Holdings:
        """What the database says that the node holds (R2)."""
        live, now = await self._store.look(node)
        holds = await self._store.holdings(node) if live else []
        return Holdings(live=live, holds=holds, now=now)

    async def leave(self, node: UUID) -> Left:
        """The process ends; what it still holds is reaped with the next round."""
        return Left(was_live=await self._store.leave(node))
