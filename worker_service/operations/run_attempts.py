"""From the start of an attempt's handler to what is told of it. All of it on the main loop.

The first outcome counts. A handler that goes on after its attempt was settled keeps its slot until
it ends, and nobody hears of what it returns.
"""

import asyncio
from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Protocol

from shared.contracts.states import Outcome
from shared.kernel.clock import DatabaseClock, MonotonicClock
from worker_service.domain.attempts import Attempt, AttemptTable, Key, State
from worker_service.domain.execution_log import ExecutionLog
from worker_service.domain.hold_wheel import HoldWheel
from worker_service.domain.node import Membership
from worker_service.domain.outcome import CANCELLED, Ended, timed_out
from worker_service.domain.slots import Slots
from worker_service.handler_api import GuardedHttp, JobType
from worker_service.operations.lanes import Lanes
from worker_service.operations.mailbox import Mailbox
from worker_service.operations.release_attempts import ReleaseAttempts
from worker_service.operations.report_outcomes import ReportOutcomes
from worker_service.operations.run_handler import HandlerCalls, Refusal, Run, Stop
from worker_service.operations.tell_progress import TellNotes


class Observer(Protocol):
    """Who measures runs."""

    def started(self, job_type: str, *, late: float, waited: float) -> None: ...
    def ended(self, job_type: str, outcome: str, reason: str, *, took: float) -> None: ...


class RunAttempts:
    """The runs of this process, those included that will not stop. Made on the main loop."""

    def __init__(
        self,
        *,
        table: AttemptTable,
        types: Mapping[str, JobType],
        slots: Slots,
        wheel: HoldWheel,
        membership: Membership,
        reports: ReportOutcomes,
        releases: ReleaseAttempts,
        log: ExecutionLog,
        lanes: Lanes,
        clock: DatabaseClock,
        now: MonotonicClock,
        http: GuardedHttp,
        observer: Observer,
        tell: TellNotes,
        uniform: Callable[[], float],
    ) -> None:
        self._table = table
        self._types = types
        self._slots = slots
        self._wheel = wheel
        self._membership = membership
        self._reports = reports
        self._releases = releases
        self._log = log
        self._lanes = lanes
        self._clock = clock
        self._now = now
        self._observer = observer
        self._loop = asyncio.get_running_loop()
        self._tell = tell
        self._calls = HandlerCalls(
            self,
            clock=clock,
            now=now,
            post=Mailbox(self._loop).post,
            http=http,
            uniform=uniform,
        )
        self._runs: dict[Key, Run] = {}

    def start(self, attempt: Attempt) -> None:
        """Send a held, due attempt to its lane. The last check is made there."""
        node, lease = attempt.granted()
        self._table.move(attempt, State.RUNNING)
        self._slots.occupy()
        notes = self._tell.notes(attempt.job_id, attempt.attempt, node.id)
        run = self._runs[attempt.key] = Run(attempt, self._types[lease.job_type], notes)
        self._lanes.submit(run, self._calls)

    def stop(self, attempt: Attempt, why: Stop) -> None:
        """Ask a handler to stop. The first reason stays; only the end of the process asks twice."""
        run = self._runs.get(attempt.key)
        if run is None or (run.stop is not None and why is not Stop.SHUTDOWN):
            return
        run.stop = run.stop or why
        self._lanes.interrupt(run)

    def alive(self) -> int:
        """Handlers whose call is not over."""
        return len(self._runs)

    def began(self, run: Run) -> None:
        """The handler is being called."""
        attempt, at = run.attempt, run.started_at
        if at is None or attempt.state is not State.RUNNING:
            return
        self._log.started(attempt, at)
        self._observer.started(
            run.lease.job_type,
            late=(at - attempt.due_at).total_seconds(),
            waited=self._now() - attempt.due_since,
        )
        if not run.lease.running:
            self._reports.started(attempt, at)
        run.timer = self._loop.call_later(run.lease.timeout_seconds, self._time_is_over, run)

    def ended(self, run: Run, ended: Ended, at: datetime) -> None:
        """The handler's call is over; its outcome counts if it is the first."""
        self._over(run)
        if run.started_at is not None:
            took = (at - run.started_at).total_seconds()
            self._observer.ended(run.lease.job_type, ended.outcome.value, ended.reason, took=took)
        if run.attempt.state is not State.RUNNING:
            return
        returned = ended.outcome is Outcome.SUCCESS and run.stop is not Stop.LOST
        if run.stop is None or returned:
            self._reports.ended(run.attempt, ended, started_at=run.started_at, at=at)
        else:
            self._stopped(run, at)

    def refused(self, run: Run, refusal: Refusal) -> None:
        """The last check said no: the handler was not called."""
        self._over(run)
        attempt = run.attempt
        if attempt.state is not State.RUNNING:
            return
        if run.stop is not None:
            self._stopped(run, self._clock.at_least())
        elif refusal is Refusal.DEADLINE:
            self._releases.give_back(attempt, "released")
        elif self._membership.draining:
            self._releases.give_back(attempt, "shutdown")
        else:
            self._table.move(attempt, State.HELD)
            if refusal is Refusal.NOT_DUE:
                self._wheel.add(attempt)
            else:
                self._wheel.again(attempt)

    def _stopped(self, run: Run, at: datetime) -> None:
        """It was asked to stop and did, or was never called."""
        match run.stop:
            case Stop.LOST:
                self._log.left(run.attempt, "LOST", at)
                self._table.remove(run.attempt, remember=True)
            case Stop.CANCEL:
                self._reports.ended(run.attempt, CANCELLED, started_at=run.started_at, at=at)
            case Stop.SHUTDOWN:
                self._releases.give_back(run.attempt, "shutdown")
            case _:
                self._releases.give_back(run.attempt, "released")

    def _time_is_over(self, run: Run) -> None:
        """Told at once; the handler is asked to stop and keeps its slot until it does."""
        attempt = run.attempt
        if attempt.state is not State.RUNNING or run.stop not in (None, Stop.CANCEL):
            return
        ended = CANCELLED if run.stop is Stop.CANCEL else timed_out(run.lease.timeout_seconds)
        self._reports.ended(attempt, ended, started_at=run.started_at, at=self._clock.at_least())
        run.stop = Stop.TIMEOUT
        self._lanes.interrupt(run)

    def _over(self, run: Run) -> None:
        if run.timer is not None:
            run.timer.cancel()
        self._runs.pop(run.attempt.key, None)
        self._slots.vacate()
