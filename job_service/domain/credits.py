"""Credits: how much a claim may take, so that the topic stays shallow (DESIGN section 6).

What is due now is claimed only while slots are free; what is not due yet fills the workers' hold allowance.
Both are counted per job type, over the live workers that run it (R23): a type that nobody runs gets none, and
takes none from others.
"""

from collections.abc import Iterable, Mapping, Set
from dataclasses import dataclass
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


@dataclass(frozen=True)
class Credits:
    """`due` and `ahead` bound a claim as a whole; the mappings bound it per job type."""

    due: int
    ahead: int
    due_by_type: Mapping[str, int]
    ahead_by_type: Mapping[str, int]


@dataclass(frozen=True)
class Capacity:
    """What credits depend on, as of `now` by the database clock. `live`: the scheduler that asks is. `paused`
    are the types of which nothing is claimed."""

    live: bool
    now: datetime
    workers: list[LiveWorker]
    load: Mapping[str, Load]
    paused: Set[str] = frozenset()


def credits_of(
    workers: Iterable[LiveWorker],
    load: Mapping[str, Load],
    *,
    limit: int,
    paused: Set[str] = frozenset(),
) -> Credits:
    """What a claim of at most `limit` jobs may take now. A paused type has no credit; what of it is held and
    running takes slots like any other."""
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
    due = max(0, min(limit, free))
    ahead = max(0, min(limit, free_holds))
    return Credits(
        due=due,
        ahead=ahead,
        due_by_type={t: max(0, min(due, n - load.get(t, nothing).due)) for t, n in slots.items()},
        ahead_by_type={
            t: max(0, min(ahead, n - load.get(t, nothing).ahead)) for t, n in holds.items()
        },
    )
