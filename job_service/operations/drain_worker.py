"""Ask a worker to drain: it hears of it by its long-poll for cancels, ends in good order, and leaves."""

from typing import Any, Protocol
from uuid import UUID

from job_service.operations.doorbell import Doorbell
from job_service.operations.problems import NotDrainable, NotFound


class DrainStore(Protocol):
    """What it needs of the database."""

    async def ask_to_drain(self, node: UUID) -> Any | None: ...
    async def role_and_state(self, node: UUID) -> tuple[str, str] | None: ...


class DrainWorker:
    """Keeps the wish with the node, and wakes its poll."""

    def __init__(self, store: DrainStore, cancels: Doorbell) -> None:
        self._store = store
        self._cancels = cancels

    async def drain(self, node: UUID) -> Any:
        """The node, asked now or before.

        Raises:
            NotFound: there is no such node.
            NotDrainable: it is no worker, or dead.
        """
        asked = await self._store.ask_to_drain(node)
        if asked is not None:
            self._cancels.ring()
            return asked
        found = await self._store.role_and_state(node)
        if found is None:
            raise NotFound("node", node)
        role, state = found
        raise NotDrainable(node, "dead" if role == "worker" else f"a {role} and {state}")
