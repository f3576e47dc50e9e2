"""Hear which attempts are to be cancelled, and that this worker is to drain, by a long-poll, and obey.

Level-triggered: what is asked is asked again until it is named as known or has ended. A held
attempt ends CANCELLED without a start; a running one's handler is stopped, and SUCCESS stands if
that came first.
"""

from collections.abc import Mapping

from shared.contracts.nodes import AskCancels, AttemptRef
from shared.kernel.clock import DatabaseClock
from shared.runtime.periodic import Periodic
from worker_service.domain.attempts import AttemptTable, State
from worker_service.domain.node import Membership, Node
from worker_service.domain.outcome import CANCELLED
from worker_service.operations.ports import JobService
from worker_service.operations.report_outcomes import ReportOutcomes
from worker_service.operations.run_attempts import RunAttempts
from worker_service.operations.run_handler import Stop

WAIT_SECONDS = 10.0
PAUSE_SECONDS = 0.2
"""Between two questions when the last one brought nothing to obey."""


class ObeyCancels:
    """The long-poll of one node; a new node gets a new one."""

    def __init__(
        self,
        node: Node,
        *,
        calls: JobService,
        table: AttemptTable,
        runs: RunAttempts,
        reports: ReportOutcomes,
        membership: Membership,
        clock: DatabaseClock,
    ) -> None:
        self._node = node
        self._calls = calls
        self._table = table
        self._runs = runs
        self._reports = reports
        self._membership = membership
        self._clock = clock
        self.loop = Periodic("cancels", self.run_once, every_seconds=PAUSE_SECONDS)

    async def run_once(self) -> Mapping[str, int]:
        """Ask once and obey the answer."""
        known = [a.ref() for a in self._table.all() if a.cancel_asked]
        reply = await self._calls.cancels(
            self._node.id, AskCancels(known=known, wait_seconds=WAIT_SECONDS)
        )
        if reply.drain:
            self._membership.asked_to_drain()
        obeyed = sum(self._obey(ref) for ref in reply.cancels)
        return {"obeyed": obeyed, "more": obeyed}

    def _obey(self, ref: AttemptRef) -> bool:
        attempt = self._table.get((ref.job_id, ref.attempt))
        if attempt is None or attempt.cancel_asked:
            return False
        attempt.cancel_asked = True
        if attempt.state is State.HELD:
            at = self._clock.at_least()
            self._reports.ended(attempt, CANCELLED, started_at=None, at=at)
        elif attempt.state is State.RUNNING:
            self._runs.stop(attempt, Stop.CANCEL)
        return True
