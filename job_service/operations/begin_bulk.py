"""Begin a bulk action: once for each idempotency key, and never more of them open than may be."""

from typing import Protocol

from job_service.domain.bulk import Bulk, NewBulk
from job_service.operations.problems import KeyReused, TooManyBulks


class BulkStore(Protocol):
    """What it needs of the database."""

    async def begin(self, new: NewBulk, most_open: int) -> Bulk | None: ...
    async def of_key(self, key: str) -> tuple[Bulk, bytes] | None: ...


class BeginBulk:
    """Makes the row that the duty works on."""

    def __init__(self, store: BulkStore, *, most_open: int, most_jobs: int) -> None:
        self._store = store
        self._most_open = most_open
        self.most_jobs = most_jobs

    async def begin(self, new: NewBulk) -> tuple[Bulk, bool]:
        """The action, and whether it is new.

        Raises:
            KeyReused: its key came before with another body.
            TooManyBulks: as many as may be are open.
        """
        if new.key is not None:
            before = await self._of_key(new, new.key)
            if before is not None:
                return before, False
        begun = await self._store.begin(new, self._most_open)
        if begun is not None:
            return begun, True
        # The first request with this key may have committed meanwhile (R25).
        before = None if new.key is None else await self._of_key(new, new.key)
        if before is None:
            raise TooManyBulks(self._most_open)
        return before, False

    async def _of_key(self, new: NewBulk, key: str) -> Bulk | None:
        found = await self._store.of_key(key)
        if found is None:
            return None
        bulk, body_hash = found
        if body_hash != new.body_hash:
            raise KeyReused(key)
        return bulk
