"""Which jobs a list asks for, and where its pages end."""

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from hashlib import sha256
from uuid import UUID

from job_service.domain.job import Job
from shared.contracts.states import JobStatus
from shared.kernel.ids import first_id_of

MADE_BEFORE_SECONDS = 30.0
"""A job's id is made when its request arrives, and the job is created by the database's clock this much later
at most."""

CLOCKS_APART_SECONDS = 2.0
"""How far the clock of a job_service may be ahead of the database's, for `createdTo` to miss nothing."""

OLDEST = UUID(int=0)
BEYOND = UUID(int=(1 << 128) - 1)
"""Below and above the ids of all jobs."""

_MILLISECOND = timedelta(milliseconds=1)


@dataclass(frozen=True)
class Wish:
    """What a list is narrowed to; None and empty narrow nothing.

    Both ends of a range of times belong to it, at the millisecond that replies show. All of `labels` must hold.
    """

    statuses: frozenset[JobStatus] = frozenset()
    job_type: str | None = None
    name: str | None = None
    labels: dict[str, str] = field(default_factory=dict)
    scheduled_from: datetime | None = None
    scheduled_to: datetime | None = None
    created_from: datetime | None = None
    created_to: datetime | None = None

    @property
    def digest(self) -> bytes:
        """The same for the same wish; what a cursor is bound to."""
        parts = (
            sorted(self.statuses),
            self.job_type,
            self.name,
            sorted(self.labels.items()),
            self.scheduled_from,
            self.scheduled_to,
            self.created_from,
            self.created_to,
        )
        return sha256(repr(parts).encode()).digest()

    @property
    def first_id(self) -> UUID:
        """No job of this list has a smaller id."""
        if self.created_from is None:
            return OLDEST
        return _id_at(self.created_from - timedelta(seconds=MADE_BEFORE_SECONDS))

    @property
    def end_id(self) -> UUID:
        """Every job of this list has a smaller id."""
        if self.created_to is None:
            return BEYOND
        return _id_at(self.created_to + timedelta(seconds=CLOCKS_APART_SECONDS))


@dataclass(frozen=True)
class Page:
    """Some jobs, newest first; the next page has those with ids below `below`, None: there are no more."""

    jobs: list[Job]
    below: UUID | None


def just_after(moment: datetime | None) -> datetime | None:
    """The end, not included, of a range of times up to the millisecond of `moment`."""
    if moment is None:
        return None
    return moment.replace(microsecond=moment.microsecond // 1000 * 1000) + _MILLISECOND


def _id_at(moment: datetime) -> UUID:
    return first_id_of(max(0, int(moment.timestamp() * 1000)))
