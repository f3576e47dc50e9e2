"""Fold the differences that transitions noted into the counts of jobs by state."""

from collections.abc import Mapping
from typing import Protocol

BATCH = 5_000


class CountStore(Protocol):
    """What it needs of the database."""

    async def fold(self, limit: int) -> int: ...


class FoldCounts:
    """One round over a batch of differences."""

    EVERY_SECONDS = 1.0

    def __init__(self, store: CountStore) -> None:
        self._store = store

    async def run_once(self) -> Mapping[str, int]:
        """Counts: differences `folded`."""
        folded = await self._store.fold(BATCH)
        return {"folded": folded, "more": int(folded == BATCH)}
