"""Credits: how much a claim may take, so that the topic stays shallow (DESIGN section 6).

What is due now is claimed only while slots are free; what is not due yet fills the workers' hold allowance.
Both are counted per job type, over the live workers that run it (R23): a type that nobody runs gets none, and
takes none from others. A type may have a limit of its own, over all workers. The best priority goes first, but
for a share that goes to whatever has waited longest (ADR 0012).
"""

from collections.abc import Iterable, Mapping, Set
from dataclasses import dataclass, field
from datetime import datetime


@dataclass(frozen=True)
class LiveWorker:
    """What a live worker can take."""

    slots: int
    hold_slots: int
    types: tuple[str, ...]


@dataclass(frozen=True)
class Load:
    """Of one job type: attempts claimed or leased that are due, and those that are not due yet."""

    due: int
    ahead: int

    @property
    def in_flight(self) -> int:
        """All of them."""
        return self.due + self.ahead


class AgedShare:
    """Deals out the share of claims that goes to the longest waiting. What comes to less than a job is kept for
    the next claim; a claim of several jobs keeps one for the best priority."""

    def __init__(self, share: float) -> None:
        self._share = share
        self._kept = 0.0

    def of(self, due: int) -> int:
        """How many of a claim of `due` jobs."""
        self._kept += due * self._share
        aged = min(int(self._kept), max(1, due - 1), due)
        self._kept = min(self._kept - aged, 1.0)
        return aged


@dataclass(frozen=True)
class Credits:
    """`due` and `ahead` bound a claim as a whole; the mappings bound it per job type. Of `limited` types the
    claim itself counts once more what is in flight. `aged` of what is due is for those that waited longest."""

    due: int
    ahead: int
    due_by_type: Mapping[str, int]
    ahead_by_type: Mapping[str, int]
    limited: Set[str] = frozenset()
    aged: int = 0


@dataclass(frozen=True)
class Capacity:
    """What credits depend on, as of `now` by the database clock. `live`: the scheduler that asks is. `paused`
    are the types of which nothing is claimed, `limits` the most of a type that may be in flight at once."""

    live: bool
    now: datetime
    workers: list[LiveWorker]
    load: Mapping[str, Load]
    paused: Set[str] = frozenset()
    limits: Mapping[str, int] = field(default_factory=dict)


def credits_of(
    workers: Iterable[LiveWorker],
    load: Mapping[str, Load],
    *,
    limit: int,
    paused: Set[str] = frozenset(),
    limits: Mapping[str, int] | None = None,
) -> Credits:
    """What a claim of at most `limit` jobs may take now. A paused type has no credit; what of it is held and
    running takes slots like any other. Of a type with a limit what is ahead counts too: it will run."""
    workers = list(workers)
    slots: dict[str, int] = {}
    holds: dict[str, int] = {}
    for worker in workers:
        for job_type in set(worker.types) - paused:
            slots[job_type] = slots.get(job_type, 0) + worker.slots
            holds[job_type] = holds.get(job_type, 0) + worker.hold_slots
    nothing = Load(0, 0)
    free = sum(w.slots for w in workers) - sum(entry.due for entry in load.values())
    free_holds = sum(w.hold_slots for w in workers) - sum(entry.ahead for entry in load.values())
    limits = limits or {}
    rooms = {t: limits[t] - load.get(t, nothing).in_flight for t in limits.keys() & slots.keys()}
    due = max(0, min(limit, free))
    ahead = max(0, min(limit, free_holds))
    return Credits(
        due=due,
        ahead=ahead,
        due_by_type={
            t: max(0, min(due, n - load.get(t, nothing).due, rooms.get(t, due)))
            for t, n in slots.items()
        },
        ahead_by_type={
            t: max(0, min(ahead, n - load.get(t, nothing).ahead, rooms.get(t, ahead)))
            for t, n in holds.items()
        },
        limited=frozenset(rooms),
    )
