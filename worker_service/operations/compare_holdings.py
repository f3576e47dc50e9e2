"""Compare with job_service what this node holds (R2).

Stopped is only what was held by a definite answer before the question and is not named: leases
under way are no difference. What is named and unknown here is released, fenced, and never starts.
"""

from collections.abc import Mapping

from shared.contracts.nodes import AttemptRef
from shared.kernel.clock import DatabaseClock, MonotonicClock
from shared.runtime.log import get
from shared.runtime.periodic import Periodic
from worker_service.domain.attempts import AttemptTable, State
from worker_service.domain.execution_log import ExecutionLog
from worker_service.domain.node import Membership, Node
from worker_service.operations.ports import JobService
from worker_service.operations.release_attempts import ReleaseAttempts
from worker_service.operations.run_attempts import RunAttempts
from worker_service.operations.run_handler import Stop

COMPARISONS_PER_TTL = 3


class CompareHoldings:
    """The comparison of one node; a new node gets a new one."""

    def __init__(
        self,
        node: Node,
        *,
        calls: JobService,
        table: AttemptTable,
        runs: RunAttempts,
        releases: ReleaseAttempts,
        membership: Membership,
        log: ExecutionLog,
        clock: DatabaseClock,
        now: MonotonicClock,
    ) -> None:
        self._node = node
        self._calls = calls
        self._table = table
        self._runs = runs
        self._releases = releases
        self._membership = membership
        self._executions = log
        self._clock = clock
        self._now = now
        self._log = get(__name__)
        every = node.session.ttl_seconds / COMPARISONS_PER_TTL
        self.loop = Periodic("compare", self.run_once, every_seconds=every)

    async def run_once(self) -> Mapping[str, int]:
        """One comparison."""
        held_before = self._table.held_by(self._node)
        asked_at = self._now()
        reply = await self._calls.compare(self._node.id)
        self._clock.heard(reply.now, asked_at=asked_at)
        if not reply.live:
            self._membership.declared_dead(self._node)
            return {"dead": 1}
        named = {(ref.job_id, ref.attempt): ref for ref in reply.holds}
        stopped = 0
        for key, attempt in held_before.items():
            if key in named or self._table.get(key) is not attempt:
                continue
            if attempt.state is State.HELD:
                self._executions.left(attempt, "LOST", self._clock.at_least())
                self._table.remove(attempt, remember=True)
                stopped += 1
            elif attempt.state is State.RUNNING:
                self._runs.stop(attempt, Stop.LOST)
                stopped += 1
        unknown = [ref for key, ref in named.items() if self._table.get(key) is None]
        self._release(unknown)
        return {"stopped": stopped, "released": len(unknown)}

    def _release(self, unknown: list[AttemptRef]) -> None:
        if unknown:
            self._log.warning("releasing what is not known here", attempts=len(unknown))
            self._releases.give_back_unknown(self._node, unknown, "unknown")
