"""Stop the handlers that must not go on while their lease is in doubt.

The session has lapsed by this process's own clock: job_service may have given their jobs to others. What is
stopped is given back, and says so as soon as somebody answers.
"""

from collections.abc import Mapping

from shared.runtime.periodic import Periodic
from worker_service.domain.attempts import AttemptTable, State
from worker_service.domain.node import Node
from worker_service.handler_api import JobType
from worker_service.operations.run_attempts import RunAttempts
from worker_service.operations.run_handler import Stop

LOOKS_PER_TTL = 40


class StopInDoubt:
    """For one node; a new node gets a new one. `needed`: whether a type asks for it."""

    def __init__(
        self,
        node: Node,
        *,
        table: AttemptTable,
        types: Mapping[str, JobType],
        runs: RunAttempts,
    ) -> None:
        self._node = node
        self._table = table
        self._stopping = {t.name for t in types.values() if t.in_doubt == "stop"}
        self._runs = runs
        self.needed = bool(self._stopping)
        every = node.session.ttl_seconds / LOOKS_PER_TTL
        self.loop = Periodic("stop in doubt", self.run_once, every_seconds=every)

    async def run_once(self) -> Mapping[str, int]:
        """One look."""
        if not self._node.session.expired():
            return {}
        stopped = 0
        for attempt in self._table.held_by(self._node).values():
            if attempt.state is State.RUNNING and attempt.job_type in self._stopping:
                self._runs.stop(attempt, Stop.IN_DOUBT)
                stopped += 1
        return {"stopped": stopped}
