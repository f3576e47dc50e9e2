"""What the snapshot says beside jobs: the clock, nodes, kept counts, and how far history reaches back."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta


@dataclass(frozen=True)
class Terms:
    """Settings of the deployment that bound what may be seen: how long settled jobs are kept, and after how
    long a claim that nobody leased is armed again in any case."""

    keep: timedelta
    armed_again_after: timedelta


@dataclass(frozen=True)
class World:
    """One moment of a deployment. `now` is the database clock. `ticked_at` is when a job_service last did its
    duties, None if none ever did; marking and deadlines were suspended until `suspended_until`. `overdue`
    jobs wait in `due` since at least a minute, since `oldest_overdue` the first of them."""

    now: datetime
    terms: Terms
    since: datetime | None = None
    ticked_at: datetime | None = None
    suspended_until: datetime | None = None
    counts_kept: Mapping[str, int] = field(default_factory=dict)
    counts_found: Mapping[str, int] = field(default_factory=dict)
    overdue: int = 0
    oldest_overdue: datetime | None = None
    history_days: Sequence[date] = ()
    """The days that history has a partition for, oldest first."""

    @property
    def judged_at(self) -> datetime | None:
        """The moment until which duties had a chance: their last tick, if that is earlier than now."""
        return None if self.ticked_at is None else min(self.ticked_at, self.now)
