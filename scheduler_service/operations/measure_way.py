"""Stamp records with when their jobs were claimed and sent; measure the scheduler's legs of their way."""

from collections.abc import Callable, Sequence

from scheduler_service.domain.held_jobs import HeldJobs, key_of
from shared.contracts.claims import Claimed
from shared.contracts.way import CLAIMED_HEADER, PUBLISHED_HEADER, header_of
from shared.kernel.clock import DatabaseClock
from shared.runtime.legs import Legs

LEGS = ("claim", "wheel", "publish")
"""Claim: of a job that was due, until its scheduler had the claim's answer. Wheel: from when it is to be
published until its record is sent. Publish: until the broker has acknowledged it."""


class MeasureWay:
    """All moments are of the database clock, by this process's lower bound."""

    def __init__(self, *, held: HeldJobs, clock: DatabaseClock, legs: Legs) -> None:
        self._held = held
        self._clock = clock
        self._legs = legs

    def stamps(self, job: Claimed) -> list[tuple[str, bytes]]:
        """Headers for the record that is sent now."""
        stamps = [header_of(PUBLISHED_HEADER, self._clock.at_least())]
        hold = self._held.of(key_of(job))
        if hold is not None:
            stamps.append(header_of(CLAIMED_HEADER, hold.claimed_at))
        return stamps

    def sending(self, jobs: Sequence[Claimed]) -> Callable[[], None]:
        """These are being sent; to be called once the broker has them."""
        sent_at = self._clock.at_least()
        for job in jobs:
            hold = self._held.of(key_of(job))
            if hold is not None:
                self._legs.took("wheel", (sent_at - hold.wanted_at).total_seconds())

        def acknowledged() -> None:
            took = (self._clock.at_least() - sent_at).total_seconds()
            self._legs.took("publish", took, len(jobs))

        return acknowledged
