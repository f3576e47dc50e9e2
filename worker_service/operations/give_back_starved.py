"""Give back what is leased and due but gets no slot, so that another worker can take it."""

from collections.abc import Mapping

from shared.kernel.clock import MonotonicClock
from shared.runtime.periodic import Periodic
from worker_service.domain.hold_wheel import HoldWheel
from worker_service.domain.node import Membership
from worker_service.operations.release_attempts import ReleaseAttempts

AFTER_SECONDS = 2.0
EVERY_SECONDS, IDLE_SECONDS = 0.2, 1.0
"""While something waits for a slot, and while nothing does: the second is well within `AFTER_SECONDS`."""


class GiveBackStarved:
    """A node whose session lapsed gives nothing back for that: it starts nothing, slots or not."""

    def __init__(
        self,
        wheel: HoldWheel,
        releases: ReleaseAttempts,
        membership: Membership,
        *,
        now: MonotonicClock,
    ) -> None:
        self._wheel = wheel
        self._releases = releases
        self._membership = membership
        self._now = now
        self.loop = Periodic(
            "give back starved",
            self.run_once,
            every_seconds=EVERY_SECONDS,
            idle_seconds=IDLE_SECONDS,
        )

    async def run_once(self) -> Mapping[str, int]:
        """Release those that have waited for a slot for too long."""
        if not self._membership.may_start():
            return {}
        starved = list(self._wheel.starved(self._now(), AFTER_SECONDS))
        for attempt in starved:
            self._releases.give_back(attempt, "no-slot")
        return {"given_back": len(starved), "waiting": self._wheel.due()}
