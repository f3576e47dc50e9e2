"""Be a live node: register, renew, and after a death carry on as a new one.

A node once dead stays dead (DESIGN section 4.6). Its handlers are asked to stop; those that will
not count against the slots until they end. Their late results go out under the old node's id and
are answered "late".
"""

import asyncio
from collections.abc import Callable, Mapping, Sequence
from uuid import UUID

from shared.contracts.nodes import RegisterNode
from shared.kernel.clock import DatabaseClock, MonotonicClock
from shared.runtime.log import get
from shared.runtime.periodic import Periodic
from shared.runtime.session import Renewer, Session
from worker_service.domain.attempts import AttemptTable, State
from worker_service.domain.execution_log import ExecutionLog
from worker_service.domain.node import Membership, Node
from worker_service.operations.ports import JobService
from worker_service.operations.run_attempts import RunAttempts
from worker_service.operations.run_handler import Stop

EVERY_SECONDS, IDLE_SECONDS = 0.2, 1.0
"""After a registration that failed, and while the node lives: its death wakes the loop."""

Registration = Callable[[UUID], RegisterNode]
Renewing = Callable[[Session, Callable[[], None]], Renewer]
"""A renewer for a session, which calls back (on its thread) when the node is dead."""
Duties = Callable[[Node], Sequence[Periodic]]
"""Loops that belong to one node: they end with it, and the next node gets fresh ones."""


class KeepNode:
    """The life of this process's nodes, one after the other."""

    def __init__(
        self,
        *,
        calls: JobService,
        membership: Membership,
        table: AttemptTable,
        runs: RunAttempts,
        log: ExecutionLog,
        clock: DatabaseClock,
        now: MonotonicClock,
        new_id: Callable[[], UUID],
        registration: Registration,
        renewing: Renewing,
        duties: Duties,
    ) -> None:
        self._calls = calls
        self._membership = membership
        self._table = table
        self._runs = runs
        self._executions = log
        self._clock = clock
        self._now = now
        self._new_id = new_id
        self._registration = registration
        self._renewing = renewing
        self._duties = duties
        self._next_id = new_id()
        self._renewer: Renewer | None = None
        self._tasks: list[asyncio.Task[None]] = []
        self._main = asyncio.get_running_loop()
        self._log = get(__name__)
        self.loop = Periodic(
            "keep node", self.run_once, every_seconds=EVERY_SECONDS, idle_seconds=IDLE_SECONDS
        )
        membership.on_death.append(self.loop.wake)

    async def run_once(self) -> Mapping[str, int]:
        """Bury a dead node; register if there is none."""
        node = self._membership.node
        if node is not None and node.session.dead():
            await self._bury(node)
        if self._membership.node is None and not self._membership.draining:
            return {"registered": int(await self._register())}
        return {}

    async def leave(self) -> bool:
        """End the current node in good order; whether job_service was told.

        Raises:
            NoAnswer, Refused: the call failed; the session then lapses.
        """
        node = self._membership.node
        await self.close()
        if node is None:
            return False
        await self._calls.leave(node.id)
        return True

    async def close(self) -> None:
        """Stop renewing and end the node's loops."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        self._tasks = []
        if self._renewer is not None:
            await asyncio.to_thread(self._renewer.stop)
            self._renewer = None

    async def _register(self) -> bool:
        asked_at = self._now()
        reply = await self._calls.register(self._registration(self._next_id))
        self._clock.heard(reply.now, asked_at=asked_at)
        node_id, live = self._next_id, reply.live
        if not live:
            self._next_id = self._new_id()
            return False
        session = Session(
            str(node_id), registered_at=asked_at, ttl_seconds=reply.ttl_seconds, now=self._now
        )
        node = self._membership.node = Node(node_id, session)
        self._next_id = self._new_id()
        self._renewer = self._renewing(session, self._wake_from_thread)
        self._renewer.start()
        self._tasks = [asyncio.create_task(duty.run()) for duty in self._duties(node)]
        self._log.info("registered", node=str(node_id), ttl_seconds=reply.ttl_seconds)
        return True

    async def _bury(self, node: Node) -> None:
        self._membership.node = None
        stopped = 0
        for attempt in self._table.held_by(node).values():
            if attempt.state is State.RUNNING:
                self._runs.stop(attempt, Stop.NODE_DEAD)
                stopped += 1
            else:
                self._executions.left(attempt, "LOST", self._clock.at_least())
                self._table.remove(attempt, remember=True)
        self._log.warning("this node was declared dead", node=str(node.id), stopped=stopped)
        await self.close()

    def _wake_from_thread(self) -> None:
        self._main.call_soon_threadsafe(self.loop.wake)
