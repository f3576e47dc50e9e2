"""Give attempts back, unrun or interrupted: `failures` and `lost` stay, the attempt is void.

Repeated until answered. A release is fenced by node and attempt, so one that is not ours any more
changes nothing.
"""

from collections.abc import Iterable, Mapping

from shared.contracts.leases import ReleaseRequest
from shared.contracts.nodes import AttemptRef
from shared.kernel.clock import DatabaseClock
from shared.runtime.http_client import Refused
from shared.runtime.log import get
from shared.runtime.periodic import Periodic
from worker_service.domain.attempts import Attempt, AttemptTable, Key, State
from worker_service.domain.execution_log import ExecutionLog
from worker_service.domain.node import Node
from worker_service.operations.ports import JobService

MAX_RELEASE = 1_000
EVERY_SECONDS, IDLE_SECONDS = 0.25, 1.0
"""After a round that failed or left work, and while there is nothing to do: what comes wakes the loop."""


class ReleaseAttempts:
    """What is to be given back, by node and reason (codes of history)."""

    def __init__(
        self, calls: JobService, table: AttemptTable, log: ExecutionLog, *, clock: DatabaseClock
    ) -> None:
        self._calls = calls
        self._table = table
        self._executions = log
        self._clock = clock
        self._wanted: dict[tuple[Node, str], dict[Key, AttemptRef]] = {}
        self._log = get(__name__)
        self.loop = Periodic(
            "release", self.run_once, every_seconds=EVERY_SECONDS, idle_seconds=IDLE_SECONDS
        )

    def give_back(self, attempt: Attempt, reason: str) -> None:
        """Give back an attempt that this process holds or ran."""
        node, _ = attempt.granted()
        self._table.move(attempt, State.GIVING_BACK)
        self._executions.left(attempt, "RELEASED", self._clock.at_least())
        self.give_back_unknown(node, [attempt.ref()], reason)

    def give_back_unknown(self, node: Node, refs: Iterable[AttemptRef], reason: str) -> None:
        """Give back what job_service says is ours; none of them may ever start here (R2)."""
        wanted = self._wanted.setdefault((node, reason), {})
        for ref in refs:
            wanted[(ref.job_id, ref.attempt)] = ref
            self._table.remember((ref.job_id, ref.attempt))
        self.loop.wake()

    def waiting(self) -> int:
        """Releases without an answer."""
        return sum(len(wanted) for wanted in self._wanted.values())

    async def run_once(self) -> Mapping[str, int]:
        """Give one batch back; `more` if others wait."""
        self._wanted = {group: wanted for group, wanted in self._wanted.items() if wanted}
        if not self._wanted:
            return {}
        (node, reason), wanted = next(iter(self._wanted.items()))
        items = list(wanted.values())[:MAX_RELEASE]
        try:
            await self._calls.release(ReleaseRequest(node=node.id, items=items, reason=reason))
        except Refused as error:
            # The comparison finds what stays behind (R2).
            self._log.error("a release was refused", reason=reason, error=str(error)[:500])
        for ref in items:
            key = (ref.job_id, ref.attempt)
            del wanted[key]
            attempt = self._table.get(key)
            if attempt is not None and attempt.state is State.GIVING_BACK:
                self._table.remove(attempt, remember=True)
        return {"released": len(items), "more": self.waiting()}
