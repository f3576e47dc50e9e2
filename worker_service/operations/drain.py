"""End in good order, by rungs (SIGTERM):

1. take nothing new, leave the consumer group; what is held is given back at once;
2. running handlers get `drain` seconds to finish;
3. then they are asked to stop and given back (released, not failed: nobody's retries are spent);
4. reports and releases are delivered, for `drain` + 10 s at most in all;
5. the node leaves, if it holds nothing; what could not be stopped is left to expire.

It renews all the while. A second signal ends the process at once.
"""

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any

from shared.kernel.clock import MonotonicClock
from shared.runtime.http_client import CallFailed
from shared.runtime.log import get
from worker_service.domain.attempts import AttemptTable, State
from worker_service.domain.node import Membership
from worker_service.operations.keep_node import KeepNode
from worker_service.operations.lease_attempts import LeaseAttempts
from worker_service.operations.release_attempts import ReleaseAttempts
from worker_service.operations.report_outcomes import ReportOutcomes
from worker_service.operations.run_attempts import RunAttempts
from worker_service.operations.run_handler import Stop

STOP_SECONDS = 5.0
"""For handlers to stop once they were asked, of the time for delivering."""
DELIVER_SECONDS = 10.0
LOOK_EVERY_SECONDS = 0.02

StopConsuming = Callable[[], Coroutine[Any, Any, None]]
"""Commit what is decided and leave the consumer group; bounded by its own limits."""


class Drain:
    """Run once, at the end."""

    def __init__(
        self,
        *,
        membership: Membership,
        table: AttemptTable,
        leases: LeaseAttempts,
        runs: RunAttempts,
        reports: ReportOutcomes,
        releases: ReleaseAttempts,
        keeper: KeepNode,
        stop_consuming: StopConsuming,
        seconds: float,
        now: MonotonicClock,
    ) -> None:
        self._membership = membership
        self._table = table
        self._leases = leases
        self._runs = runs
        self._reports = reports
        self._releases = releases
        self._keeper = keeper
        self._stop_consuming = stop_consuming
        self._seconds = seconds
        self._now = now
        self._log = get(__name__)

    async def run(self) -> None:
        """All rungs."""
        began = self._now()
        last = began + self._seconds + DELIVER_SECONDS
        self._membership.draining = True
        self._log.info("draining", running=self._runs.alive(), seconds=self._seconds)
        leaving = asyncio.create_task(self._stop_consuming())
        self._give_back_held()
        await self._until(lambda: not self._runs.alive(), began + self._seconds)
        self._stop_running()
        await self._until(lambda: not self._runs.alive(), min(last, self._now() + STOP_SECONDS))
        await self._until(self._delivered, last)
        await leaving
        await self._leave()

    def _give_back_held(self) -> None:
        for attempt in self._table.all():
            if attempt.state is State.HELD:
                self._releases.give_back(attempt, "shutdown")

    def _stop_running(self) -> None:
        for attempt in self._table.all():
            if attempt.state is State.RUNNING:
                self._runs.stop(attempt, Stop.SHUTDOWN)

    def _delivered(self) -> bool:
        return not (
            self._leases.unanswered() or self._reports.waiting() or self._releases.waiting()
        )

    async def _leave(self) -> None:
        left_behind = self._table.count(State.RUNNING)
        if left_behind or not self._delivered():
            self._log.warning(
                "not leaving: what is held is left to expire",
                running=left_behind,
                reports=self._reports.waiting(),
                releases=self._releases.waiting(),
            )
            await self._keeper.close()
            return
        try:
            await self._keeper.leave()
        except CallFailed as error:
            self._log.warning("could not leave; the session lapses", error=str(error)[:200])

    async def _until(self, done: Callable[[], bool], deadline: float) -> None:
        # Many things end in many places; an event for each would be more to get wrong.
        while not done() and self._now() < deadline:  # noqa: ASYNC110
            await asyncio.sleep(LOOK_EVERY_SECONDS)
