"""Take what a lease granted: hold it, or give it back at once where it cannot run here."""

from collections.abc import Callable, Container

from shared.contracts.leases import Lease
from shared.kernel.clock import DatabaseClock, MonotonicClock
from worker_service.domain.attempts import Attempt, AttemptTable, State
from worker_service.domain.execution_log import ExecutionLog
from worker_service.domain.hold_wheel import HoldWheel
from worker_service.domain.node import Membership, Node
from worker_service.domain.outcome import CANCELLED
from worker_service.operations.release_attempts import ReleaseAttempts
from worker_service.operations.report_outcomes import ReportOutcomes


class TakeGrant:
    """The step from ASKING to HELD. `start_soon` turns the wheel."""

    def __init__(
        self,
        *,
        table: AttemptTable,
        wheel: HoldWheel,
        membership: Membership,
        reports: ReportOutcomes,
        releases: ReleaseAttempts,
        log: ExecutionLog,
        types: Container[str],
        clock: DatabaseClock,
        now: MonotonicClock,
        start_soon: Callable[[], None],
    ) -> None:
        self._table = table
        self._wheel = wheel
        self._membership = membership
        self._reports = reports
        self._releases = releases
        self._log = log
        self._types = types
        self._clock = clock
        self._now = now
        self._start_soon = start_soon

    def take(self, attempt: Attempt, node: Node, lease: Lease, *, asked_at: float) -> None:
        """Hold a granted attempt. Its time counts from the request, or from its due time if that is
        later: past that deadline nothing starts.
        """
        if self._membership.node is not node:
            # Granted to a node that died meanwhile: the reaper takes it back under a new attempt.
            self._table.remove(attempt, remember=True)
            return
        attempt.node, attempt.lease = node, lease
        attempt.job_type = lease.job_type
        attempt.due_at = lease.due_at or attempt.due_at
        self._table.move(attempt, State.HELD)
        self._log.leased(attempt, self._clock.at_least())
        ahead = self._clock.seconds_until(attempt.due_at)
        counts_from = self._now() + ahead if ahead > 0 else asked_at
        attempt.deadline = counts_from + lease.timeout_seconds
        if self._membership.draining:
            self._releases.give_back(attempt, "shutdown")
        elif lease.cancel_requested or attempt.cancel_asked:
            at = self._clock.at_least()
            self._reports.ended(attempt, CANCELLED, started_at=None, at=at)
        elif lease.job_type not in self._types or lease.due_at is None or not lease.execution_id:
            self._releases.give_back(attempt, "released")
        else:
            self._wheel.add(attempt)
            self._start_soon()
