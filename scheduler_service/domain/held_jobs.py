"""The jobs this scheduler has claimed and not published yet: in the wheel, or on their way to the
broker.

A job is known by (job id, attempt). One that is claimed again while it is held is the same claim
sent again (R8) and is not put in twice. One that is claimed again after it was published was armed
again (its record is lost): it is published again.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from uuid import UUID

from scheduler_service.domain.lead import Lead
from scheduler_service.domain.timer_wheel import TimerWheel
from shared.contracts.claims import Claimed

AttemptKey = tuple[UUID, int]

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)


def microseconds(moment: datetime) -> int:
    """Whole microseconds since 1970 UTC, exactly."""
    return (moment - _EPOCH) // _MICROSECOND


def key_of(job: Claimed) -> AttemptKey:
    """What tells one claimed attempt from all others."""
    return (job.job_id, job.attempt)


@dataclass(frozen=True, slots=True)
class Hold:
    """By the database clock: when the claim's answer came, and from when on the job is to be published."""

    claimed_at: datetime
    wanted_at: datetime


class HeldJobs:
    """`lead`: how long before its due time a job is to be published, if it is held from now on."""

    def __init__(self, lead: Lead) -> None:
        self.lead = lead
        self._wheel: TimerWheel[Claimed] = TimerWheel()
        self._held: dict[AttemptKey, Hold] = {}

    def __len__(self) -> int:
        """How many jobs are held, those on their way to the broker among them."""
        return len(self._held)

    def __contains__(self, key: AttemptKey) -> bool:
        return key in self._held

    def of(self, key: AttemptKey) -> Hold | None:
        """How a job is held; None when it is not any more."""
        return self._held.get(key)

    def hold(self, jobs: Iterable[Claimed], *, now: datetime) -> list[Claimed]:
        """Put jobs into the wheel; those that were not held before."""
        new = []
        lead_us = round(self.lead.seconds * 1_000_000)
        lead = timedelta(microseconds=lead_us)
        for job in jobs:
            key = key_of(job)
            if key in self._held:
                continue
            self._held[key] = Hold(now, max(now, job.due_at - lead))
            self._wheel.add(microseconds(job.due_at) - lead_us, job)
            new.append(job)
        return new

    def take_due(self, now: datetime) -> list[Claimed]:
        """Jobs to publish now. They stay held until `published`."""
        return self._wheel.take(microseconds(now))

    def seconds_to_next(self, now: datetime) -> float | None:
        """How long until `take_due` answers something; negative when it does now, None when
        idle."""
        at_us = self._wheel.next_at_us()
        return None if at_us is None else (at_us - microseconds(now)) / 1_000_000

    def let_go(self, keys: Iterable[AttemptKey]) -> None:
        """These have been published: they are not ours any more."""
        for key in keys:
            self._held.pop(key, None)

    def clear(self) -> None:
        """The node is dead: job_service arms all of it again."""
        self._wheel.clear()
        self._held.clear()
