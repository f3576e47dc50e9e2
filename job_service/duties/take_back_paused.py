"""Takes back what is claimed of paused types, where the pause itself did not come to it: it was more than the
pause could wait for, or its process died on the way."""

from collections.abc import Mapping
from typing import Protocol

BATCH = 500


class TakeBackStore(Protocol):
    """What the duty needs of the database."""

    async def take_back_paused(self, limit: int) -> tuple[int, int]: ...


class TakeBackPaused:
    """One batch of claimed jobs in each round."""

    EVERY_SECONDS = 1.0

    def __init__(self, store: TakeBackStore) -> None:
        self._store = store

    async def run_once(self) -> Mapping[str, int]:
        """How many were looked at and taken back."""
        looked, taken = await self._store.take_back_paused(BATCH)
        return {"looked": looked, "taken": taken, "more": int(looked == BATCH and taken > 0)}
