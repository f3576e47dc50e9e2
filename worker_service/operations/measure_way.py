"""Stamp what the topic brings with when it came, and measure the worker's legs of its way."""

from collections.abc import Iterable

from shared.contracts.way import Stamps, told_by
from shared.kernel.clock import DatabaseClock
from shared.runtime.legs import Legs
from worker_service.domain.attempts import NOT_STAMPED, Attempt

LEGS = ("deliver", "ask", "lease")
"""Deliver: from the record's sending until it is read. Ask: until the request for its lease leaves. Lease:
until that is answered."""


class MeasureWay:
    """All moments are of the database clock, by this process's lower bound."""

    def __init__(self, *, clock: DatabaseClock, legs: Legs) -> None:
        self._clock = clock
        self._legs = legs

    def received(self, headers: Iterable[tuple[str, bytes]]) -> Stamps:
        """What a record that was read now tells of its way."""
        if not self._clock.known():
            return NOT_STAMPED
        now = self._clock.at_least()
        claimed_at, published_at = told_by(headers)
        if published_at is not None:
            self._legs.took("deliver", (now - published_at).total_seconds())
        return Stamps(claimed_at=claimed_at, published_at=published_at, received_at=now)

    def asking(self, attempts: Iterable[Attempt]) -> None:
        """A request for the leases of these leaves."""
        if not self._clock.known():
            return
        now = self._clock.at_least()
        for attempt in attempts:
            if attempt.way.received_at is not None:
                self._legs.took("ask", (now - attempt.way.received_at).total_seconds())

    def answered(self, jobs: int, *, seconds: float) -> None:
        """A request for so many leases was answered after so long."""
        self._legs.took("lease", seconds, jobs)
