"""Jobs that somebody keeps locked: the rest of a batch goes on without them.

A worker repeats a batch until it has an answer (R1, R3). One locked row would keep it from all others for as
long as the lock is held.
"""

from collections.abc import Callable, Collection
from uuid import UUID

WITHOUT_SECONDS = 1.0
"""For so long a job that was met locked is left out; to wait for its lock takes longer."""


class BusyJobs:
    """Remembers them for a while."""

    def __init__(self, now: Callable[[], float]) -> None:
        self._now = now
        self._until: dict[UUID, float] = {}

    def met(self, jobs: Collection[UUID]) -> None:
        """These were locked when a batch needed them."""
        until = self._now() + WITHOUT_SECONDS
        self._until.update(dict.fromkeys(jobs, until))

    def among(self, jobs: Collection[UUID]) -> set[UUID]:
        """Which of these to leave out now."""
        if not self._until:
            return set()
        now = self._now()
        self._until = {job: until for job, until in self._until.items() if until > now}
        return {job for job in jobs if job in self._until}
