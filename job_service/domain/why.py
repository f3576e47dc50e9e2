"""Why a job is not running, or what it is doing: which of the reasons holds.

The first that holds is told, in the order in which an operator would have to clear them: a job of a paused type
that nobody runs is `paused`.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from job_service.domain.job import Job
from job_service.domain.outside import OUTSIDE
from job_service.domain.reasons import REASONS
from shared.contracts.base import rfc3339
from shared.contracts.states import JobStatus as S


@dataclass(frozen=True)
class Placed:
    """Who has the job: a scheduler that claimed it, or a worker that leased it. `look_at`: when a duty looks at
    it. The offsets are null where nobody said them."""

    scheduler: UUID | None
    worker: UUID | None
    since: datetime
    look_at: datetime
    topic_partition: int | None
    record_offset: int | None
    committed: int | None
    node_state: str | None
    node_expires_at: datetime | None
    node_last_seen_at: datetime | None


@dataclass(frozen=True)
class Facts:
    """What a reason is found from, all as of `now` by the database clock. `changed_at` and `change` are those
    of the last row of history. `workers` counts the live ones that run the type, `silent_workers` those whose
    session ran out, `open_to_suspects` the live ones that hold no suspect (null where the job is none).
    `key_holder`: the job that is at the head of its ordering key, where it waits in line."""

    job: Job
    now: datetime
    ready_at: datetime
    dispatch_at: datetime
    armed: bool
    key_holder: UUID | None
    placed: Placed | None
    changed_at: datetime | None
    change: str | None
    declared: bool
    paused_at: datetime | None
    schedulers: int
    workers: int
    silent_workers: int
    open_to_suspects: int | None
    amnesty_until: datetime | None


@dataclass(frozen=True)
class Room:
    """Of the live workers that run a job type: their slots, what is in flight for them, and whether a claim may
    take one more job of it."""

    slots: int
    in_flight: int
    free: bool


@dataclass(frozen=True)
class Why:
    """The answer. `since`: since when it is so, `next_at`: when something will happen, as far as either is
    known."""

    state: S
    reason: str
    text: str
    since: datetime | None
    next_at: datetime | None
    facts: dict[str, Any]


_SETTLED = {
    S.SUCCESS: "succeeded",
    S.CANCELLED: "cancelled",
    S.EXPIRED: "expired",
    S.STOPPED: "stopped",
    S.ABANDONED: "abandoned",
}


def decide(facts: Facts, room: Room, *, grace_seconds: float) -> Why:
    """The reason that holds. A silent node is reaped `grace_seconds` after its session."""
    slug, since, next_at = _found(facts, room)
    if slug in _SILENT:
        next_at = _taken_back_at(facts, grace_seconds)
    return _why(facts, room, slug, since, next_at)


_SILENT = frozenset({"node-silent", "scheduler-silent"})

Found = tuple[str, datetime | None, datetime | None]
"""Slug, since, next."""


def _found(facts: Facts, room: Room) -> Found:
    job = facts.job
    if job.status in _SETTLED:
        return _SETTLED[job.status], job.finished_at or facts.changed_at, None
    if job.status is S.FAILED and job.next_attempt_at is None:
        slug = "poisoned" if facts.change == "poison" else "failed"
        return slug, job.finished_at or facts.changed_at, None
    if job.status is S.WAITING:
        return "waiting-for-children", facts.changed_at, None
    if job.status is S.RUNNING or job.node is not None:
        return _leased(facts)
    return _not_leased(facts, room)


def _leased(facts: Facts) -> Found:
    job, placed = facts.job, facts.placed
    since = placed.since if placed else facts.changed_at
    look_at = placed.look_at if placed else None
    if job.node == OUTSIDE:
        return "running-outside", job.started_at, look_at
    if placed is not None and _silent(facts):
        return "node-silent", placed.node_last_seen_at, None
    if job.cancel_requested:
        return "cancel-asked", facts.changed_at, look_at
    if job.status is S.RUNNING:
        return "running", job.started_at or since, look_at
    if facts.ready_at > facts.now:
        return "held", since, facts.ready_at
    return "starting", since, None


def _not_leased(facts: Facts, room: Room) -> Found:
    job = facts.job
    if job.status is S.FAILED and facts.dispatch_at > facts.now:
        return "backing-off", facts.changed_at, facts.dispatch_at
    if facts.ready_at > facts.now:
        return "not-due", facts.changed_at, facts.ready_at
    if facts.key_holder is not None:
        return "key-taken", max(facts.ready_at, facts.changed_at or facts.ready_at), None
    if facts.paused_at is not None and facts.placed is None:
        return "paused", max(facts.paused_at, facts.ready_at), None
    if not facts.workers:
        return "no-worker", facts.ready_at, None
    if facts.open_to_suspects == 0:
        return "suspect", facts.changed_at, None
    if facts.placed is not None:
        return _claimed(facts, facts.placed)
    if facts.dispatch_at > facts.now:
        return "declined", facts.changed_at, facts.dispatch_at
    if not facts.schedulers:
        return "no-scheduler", facts.dispatch_at, None
    return ("to-be-claimed" if room.free else "no-slot"), facts.dispatch_at, None


def _claimed(facts: Facts, placed: Placed) -> Found:
    if _silent(facts):
        return "scheduler-silent", placed.node_last_seen_at, None
    return "waiting-for-broker", placed.since, placed.look_at


def _silent(facts: Facts) -> bool:
    placed = facts.placed
    if placed is None or placed.node_expires_at is None:
        return False
    return placed.node_state == "dead" or placed.node_expires_at <= facts.now


def _taken_back_at(facts: Facts, grace_seconds: float) -> datetime:
    """When the reaper takes from a silent node what it has."""
    placed = facts.placed
    assert placed is not None
    assert placed.node_expires_at is not None
    reaped = placed.node_expires_at + timedelta(seconds=grace_seconds)
    if placed.node_state == "dead":
        reaped = facts.now
    return max(reaped, facts.amnesty_until or reaped)


def _why(
    facts: Facts, room: Room, slug: str, since: datetime | None, next_at: datetime | None
) -> Why:
    shown = _shown(facts, room)
    words = {name: _word(value) for name, value in shown.items()}
    words |= {"since": _word(since), "next_at": _word(next_at)}
    return Why(
        state=facts.job.status,
        reason=slug,
        text=REASONS[slug].text.format_map(words),
        since=since,
        next_at=next_at,
        facts={name: value for name, value in shown.items() if value is not None},
    )


def _word(value: Any) -> str:
    if value is None:
        return "a time not known"
    return rfc3339(value) if isinstance(value, datetime) else str(value)


def _shown(facts: Facts, room: Room) -> dict[str, Any]:
    """Everything that texts may name, and clients may read."""
    job, placed = facts.job, facts.placed
    return {
        "job_id": job.id,
        "job_type": job.job_type,
        "declared": facts.declared,
        "attempt": job.attempt,
        "failures": job.failures,
        "max_attempts": job.max_attempts,
        "lost": job.lost,
        "last_change": facts.change,
        "now": facts.now,
        "ready_at": facts.ready_at,
        "dispatch_at": facts.dispatch_at if facts.armed else None,
        "ordering_key": job.ordering_key,
        "key_holder": facts.key_holder,
        "expires_at": job.expires_at,
        "cancel_requested": job.cancel_requested,
        "error": job.error,
        "paused_at": facts.paused_at,
        "schedulers": facts.schedulers,
        "workers": facts.workers,
        "silent_workers": facts.silent_workers,
        "slots": room.slots,
        "in_flight": room.in_flight,
        "scheduler": placed and placed.scheduler,
        "worker": placed.worker if placed else job.node,
        "node_state": placed and placed.node_state,
        "silent_since": placed and placed.node_last_seen_at,
        "topic_partition": placed and placed.topic_partition,
        "record_offset": placed and placed.record_offset,
        "committed": placed and placed.committed,
    }
