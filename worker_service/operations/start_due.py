"""Start what is held and due, as long as slots are free. Never early: due is judged by the lower
bound of the database clock (R5), here to send an attempt on its way and once more right before its
handler is called.
"""

import asyncio
from collections.abc import Mapping

from shared.kernel.clock import MonotonicClock
from shared.runtime.periodic import Periodic
from worker_service.domain.hold_wheel import HoldWheel
from worker_service.domain.node import Membership
from worker_service.domain.slots import Slots
from worker_service.operations.run_attempts import RunAttempts

EVERY_SECONDS, IDLE_SECONDS = 0.2, 1.0
"""At the latest, while something is held and while nothing is; the timer of the next due time and each
freed slot wake it."""


class StartDue:
    """Turns the wheel."""

    def __init__(
        self,
        wheel: HoldWheel,
        slots: Slots,
        runs: RunAttempts,
        membership: Membership,
        *,
        now: MonotonicClock,
    ) -> None:
        self._wheel = wheel
        self._slots = slots
        self._runs = runs
        self._membership = membership
        self._now = now
        self._timer: asyncio.TimerHandle | None = None
        self.loop = Periodic(
            "start due", self.run_once, every_seconds=EVERY_SECONDS, idle_seconds=IDLE_SECONDS
        )
        slots.on_free = self.loop.wake

    async def run_once(self) -> Mapping[str, int]:
        """Start what can be started now; set the timer for the next due time."""
        wait = self._wheel.turn(self._now())
        started = 0
        while self._slots.free() > 0 and self._may_start():
            attempt = self._wheel.next_due()
            if attempt is None:
                break
            self._runs.start(attempt)
            started += 1
        self._wake_in(wait)
        return {"started": started, "waiting": self._wheel.waiting()}

    def _may_start(self) -> bool:
        return not self._membership.draining and self._membership.may_start()

    def _wake_in(self, seconds: float | None) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        if seconds is not None and seconds < EVERY_SECONDS:
            loop = asyncio.get_running_loop()
            self._timer = loop.call_later(seconds, self.loop.wake)
