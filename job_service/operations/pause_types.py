"""Pause and resume a job type: while it is paused nothing of it is claimed, and nothing starts that nobody
holds. Held and running jobs go on."""

from typing import Any, Protocol

from job_service.operations.doorbell import Doorbell
from job_service.operations.problems import NotFound

BATCH = 500
"""Claimed jobs that are taken back in one transaction."""

ROUNDS = 20
"""So many batches a pause takes back before it answers; the duty goes on with the rest."""


class PauseStore(Protocol):
    """What pausing needs of the database."""

    async def one(self, name: str) -> Any: ...
    async def pause(self, name: str) -> None: ...
    async def resume(self, name: str) -> None: ...
    async def take_back_paused(self, limit: int) -> tuple[int, int]: ...


class PauseTypes:
    """Both are idempotent."""

    def __init__(self, store: PauseStore, doorbell: Doorbell) -> None:
        self._store = store
        self._doorbell = doorbell

    async def pause(self, name: str) -> Any:
        """Pause; the type as it is then.

        Raises:
            NotFound: there is no such type.
        """
        await self._existing(name)
        await self._store.pause(name)
        for _ in range(ROUNDS):
            looked, _taken = await self._store.take_back_paused(BATCH)
            if looked < BATCH:
                break
        return await self._existing(name)

    async def resume(self, name: str) -> Any:
        """Resume, and look for what is due; the type as it is then.

        Raises:
            NotFound: there is no such type.
        """
        await self._existing(name)
        await self._store.resume(name)
        self._doorbell.ring()
        return await self._existing(name)

    async def _existing(self, name: str) -> Any:
        row = await self._store.one(name)
        if row is None:
            raise NotFound("job type", name)
        return row
