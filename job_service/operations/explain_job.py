"""Explain: why a job is not running, or what it is doing (G3)."""

from typing import Protocol
from uuid import UUID

from job_service.domain.credits import Capacity, Load, credits_of
from job_service.domain.why import Facts, Room, Why, decide
from job_service.operations.problems import NotFound

NOBODY = UUID(int=0)
"""Asks for the capacity without being a scheduler."""


class FactsStore(Protocol):
    """How a job stands."""

    async def facts(self, job_id: UUID) -> Facts | None: ...


class CapacityStore(Protocol):
    """What claims are bounded by."""

    async def capacity(self, node: UUID) -> Capacity: ...


class ExplainJob:
    """Explains jobs. Whether a slot is free is judged as a claim would judge it."""

    def __init__(self, store: FactsStore, claims: CapacityStore, *, grace_seconds: float) -> None:
        self._store = store
        self._claims = claims
        self._grace_seconds = grace_seconds

    async def explain(self, job_id: UUID) -> Why:
        """The reason that holds now.

        Raises:
            NotFound: there is no such job.
        """
        facts = await self._store.facts(job_id)
        if facts is None:
            raise NotFound("job", job_id)
        room = room_for(facts.job.job_type, await self._claims.capacity(NOBODY))
        return decide(facts, room, grace_seconds=self._grace_seconds)


def room_for(job_type: str, capacity: Capacity) -> Room:
    """What is free for one more job of a type."""
    credit = credits_of(capacity.workers, capacity.load, limit=1)
    return Room(
        slots=sum(w.slots for w in capacity.workers if job_type in w.types),
        in_flight=capacity.load.get(job_type, Load(0, 0)).due,
        free=credit.due_by_type.get(job_type, 0) > 0,
    )
