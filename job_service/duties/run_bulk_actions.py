"""Bulk actions: the jobs of each that is open are dealt with in chunks, the actions in turn (ADR 0013).

A chunk that the database refuses is halved until the job that is to blame is alone, so that it fails alone; one
that needs what somebody keeps locked is left for a later round.
"""

from collections.abc import Mapping
from typing import Protocol
from uuid import UUID

from job_service.domain.bulk import Chunk, Stepped, Stuck
from job_service.operations.doorbell import Doorbell
from shared.runtime.log import get

WALK_ROWS = 2_000
"""Rows of `unsuccessful` that one transaction looks at for what matches."""

MOST_WHY_CHARS = 300
"""Of the text that says why the database refuses a job."""


class ChunkStore(Protocol):
    """What it needs of the database."""

    async def step(self, chunk: Chunk) -> Stepped: ...
    async def set_aside(self, of: UUID, job_id: UUID, rounds: int) -> None: ...
    async def give_up(self, of: UUID, job_id: UUID, why: str) -> None: ...


class RunBulkActions:
    """One chunk a round."""

    EVERY_SECONDS = 1.0

    def __init__(self, store: ChunkStore, due: Doorbell, *, chunk: int, rounds: int) -> None:
        self._store = store
        self._due = due
        self._most = chunk
        self._rounds = rounds
        self._jobs = chunk

    async def run_once(self) -> Mapping[str, int]:
        """Counts: jobs `matched`, `done`, `skipped`, `failed`; actions `ended`."""
        try:
            stepped = await self._store.step(Chunk(WALK_ROWS, self._jobs, self._rounds))
        except Stuck as stuck:
            return await self._unstick(stuck)
        self._jobs = min(self._most, self._jobs * 2)
        if stepped.done:
            self._due.ring()
        if stepped.ended:
            get(__name__).info("bulk action ended", bulk_action=str(stepped.of))
        counts = {name: getattr(stepped, name) for name in ("matched", "done", "skipped")}
        return {**counts, "ended": int(stepped.ended), "more": int(stepped.of is not None)}

    async def _unstick(self, stuck: Stuck) -> Mapping[str, int]:
        if len(stuck.jobs) > 1:
            self._jobs = len(stuck.jobs) // 2
            return {"more": 1}
        (job_id,) = stuck.jobs
        if stuck.locked:
            await self._store.set_aside(stuck.of, job_id, self._rounds)
            return {"more": 1}
        get(__name__).warning("bulk action: a job is refused", job=str(job_id), error=str(stuck))
        await self._store.give_up(stuck.of, job_id, str(stuck)[:MOST_WHY_CHARS])
        return {"failed": 1, "more": 1}
