"""Cancels reach a worker by a long-poll of its own: level-triggered, until it names them as known. So does the
wish that it drains, until it has left."""

import time
from typing import Protocol
from uuid import UUID

from job_service.operations.doorbell import Doorbell, wait
from shared.contracts.nodes import AskCancels, AttemptRef, Cancels

LOOK_AGAIN_SECONDS = 1.0


class CancelStore(Protocol):
    """What it needs of the database."""

    async def cancels(self, node: UUID) -> tuple[list[AttemptRef], bool]: ...


class WaitForCancels:
    """Answers with cancels that the node does not know of yet, or that it is to drain, or empty after its
    wait."""

    def __init__(self, store: CancelStore, doorbell: Doorbell) -> None:
        self._store = store
        self._doorbell = doorbell

    async def ask(self, node: UUID, request: AskCancels) -> Cancels:
        """Wait until there is something to tell, at most `wait_seconds`."""
        known = {(ref.job_id, ref.attempt) for ref in request.known}
        until = time.monotonic() + request.wait_seconds
        async with self._doorbell.waiter() as rung:
            while True:
                asked, drain = await self._store.cancels(node)
                new = [ref for ref in asked if (ref.job_id, ref.attempt) not in known]
                left = until - time.monotonic()
                if new or drain or left <= 0 or self._doorbell.closed:
                    return Cancels(cancels=new, drain=drain)
                await wait(rung, min(left, LOOK_AGAIN_SECONDS))
