"""Expire: jobs whose `expiresAt` passed before they started."""

from collections.abc import Mapping
from typing import Protocol

BATCH = 500


class ExpireStore(Protocol):
    """What it needs of the database."""

    async def expire(self, limit: int) -> int: ...


class Expire:
    """One round over a batch of jobs past their expiry."""

    EVERY_SECONDS = 1.0

    def __init__(self, store: ExpireStore) -> None:
        self._store = store

    async def run_once(self) -> Mapping[str, int]:
        """Counts: jobs `expired`."""
        expired = await self._store.expire(BATCH)
        return {"expired": expired, "more": int(expired == BATCH)}
