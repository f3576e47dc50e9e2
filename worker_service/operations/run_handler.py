"""One handler's call, in its lane, with the last check in the same breath (R5).

Three threads see a `Run`: the main loop makes it and asks it to stop, its lane checks and calls.
What the lane learns goes to the main loop by `post`; the lane changes no table.
"""

import asyncio
import contextlib
from collections.abc import Callable
from datetime import datetime, timedelta
from enum import Enum
from typing import Any, Protocol, cast

from pydantic import BaseModel

from shared.contracts.leases import Lease
from shared.contracts.progress import Level
from shared.kernel.clock import DatabaseClock, MonotonicClock
from shared.runtime import failpoints
from shared.runtime.log import ready_made
from worker_service.domain.attempts import Attempt
from worker_service.domain.node import Node
from worker_service.domain.notes import Notes
from worker_service.domain.outcome import Ended, bad_payload, from_exception, from_value
from worker_service.handler_api import Cancelled, Context, GuardedHttp, JobType, Log


class Stop(Enum):
    """Why a handler was asked to stop. From then on only a returned value counts as an outcome."""

    CANCEL = "a cancel was asked"
    TIMEOUT = "its time is over"
    NODE_DEAD = "its node was declared dead"
    IN_DOUBT = "its lease is in doubt"
    LOST = "job_service does not name it as ours"
    SHUTDOWN = "the process ends"


class Refusal(Enum):
    """Why the last check let no handler be called."""

    STOPPED = "stopped"
    EXPIRED = "session lapsed"
    DEADLINE = "past its deadline"
    NOT_DUE = "not due"


class Watcher(Protocol):
    """Who hears of runs, on the main loop."""

    def began(self, run: "Run") -> None: ...
    def ended(self, run: "Run", ended: Ended, at: datetime) -> None: ...
    def refused(self, run: "Run", refusal: Refusal) -> None: ...


Post = Callable[..., Any]
"""Call a function on the main loop, from any thread."""


class Run:
    """One call of one handler. `stop` is written by the main loop only, `started_at` by the lane
    only.
    """

    __slots__ = (
        *("attempt", "job_type", "lease", "node", "notes"),
        *("started_at", "stop", "task", "timer"),
    )

    def __init__(self, attempt: Attempt, job_type: JobType, notes: Notes) -> None:
        self.node: Node
        self.lease: Lease
        self.attempt = attempt
        self.job_type = job_type
        self.notes = notes
        self.node, self.lease = attempt.granted()
        self.stop: Stop | None = None
        self.started_at: datetime | None = None
        self.task: asyncio.Task[None] | None = None
        self.timer: asyncio.TimerHandle | None = None

    def check(self) -> None:
        """For thread handlers: raises once the attempt was asked to stop."""
        if self.stop is not None:
            raise Cancelled(self.stop.value)

    def last_check(self, clock: DatabaseClock, now: MonotonicClock) -> Refusal | None:
        """Whether the handler may be called now; if so, this is the start."""
        if self.stop is not None:
            return Refusal.STOPPED
        if self.node.session.expired():
            return Refusal.EXPIRED
        if now() >= self.attempt.deadline:
            return Refusal.DEADLINE
        self.started_at = clock.stamp_after(self.attempt.due_at)
        return Refusal.NOT_DUE if self.started_at is None else None

    def payload(self) -> BaseModel | Ended:
        """The payload as the type's model, or the failure that it is."""
        try:
            return self.job_type.read(self.lease.payload)
        except Exception as error:
            return bad_payload(error)

    def context(self, http: GuardedHttp) -> Context:
        """What the handler is told, once it has begun."""
        lease = self.lease
        if lease.execution_id is None or self.started_at is None:
            raise RuntimeError(
                f"{self.attempt.key} was granted without an execution id, or has not begun"
            )
        return Context(
            job_id=lease.job_id,
            attempt=lease.attempt,
            epoch=lease.epoch,
            execution_id=lease.execution_id,
            name=lease.name,
            due_at=self.attempt.due_at,
            deadline=self.started_at + timedelta(seconds=lease.timeout_seconds),
            failures=lease.failures,
            log=cast(Log, _LogOf(self)),
            check=self.check,
            traceparent=lease.traceparent,
            http=http,
            tell=self.notes.progress,
        )


class _LogOf:
    """The log of a run: the worker's, and the lines that are kept with the execution. The worker's is made when
    it is first used: most handlers say nothing, and it takes as long as all the rest of a context."""

    __slots__ = ("_made", "_run")

    def __init__(self, run: Run) -> None:
        self._run = run
        self._made: Any = None

    def info(self, event: str, **values: Any) -> None:
        self._say("info", event, values)

    def warning(self, event: str, **values: Any) -> None:
        self._say("warning", event, values)

    def error(self, event: str, **values: Any) -> None:
        self._say("error", event, values)

    def _say(self, level: Level, event: str, values: dict[str, Any]) -> None:
        if self._made is None:
            lease = self._run.lease
            self._made = ready_made("handler").bind(
                job_id=str(lease.job_id),
                attempt=lease.attempt,
                node=str(self._run.node.id),
                trace=_trace_of(lease.traceparent),
            )
        getattr(self._made, level)(event, **values)
        self._run.notes.line(level, event, values)


def _trace_of(traceparent: str | None) -> str | None:
    """The trace id in a W3C traceparent: `00-<trace id>-<span id>-<flags>`."""
    parts = (traceparent or "").split("-")
    return parts[1] if len(parts) >= 4 else None


class HandlerCalls:
    """Calls handlers, in the two lanes. Nothing that a handler raises leaves these functions."""

    def __init__(
        self,
        watcher: Watcher,
        *,
        clock: DatabaseClock,
        now: MonotonicClock,
        post: Post,
        http: GuardedHttp,
        uniform: Callable[[], float],
    ) -> None:
        self._watcher = watcher
        self._clock = clock
        self._now = now
        self._post = post
        self._http = http
        self._uniform = uniform

    async def in_loop(self, run: Run) -> None:
        """An `async def` handler, on the handlers' loop."""
        payload = run.payload()
        if not self._begin(run):
            return
        if isinstance(payload, Ended):
            self._end(run, payload)
            return
        context = run.context(self._http)
        try:
            value = await run.job_type.run(payload, context)
            ended = from_value(context.result if value is None else value)
        except BaseException as error:
            ended = self._raised(run, error)
        self._end(run, ended)

    def in_thread(self, run: Run) -> None:
        """A plain `def` handler, in a thread of its own."""
        payload = run.payload()
        if not self._begin(run):
            return
        if isinstance(payload, Ended):
            self._end(run, payload)
            return
        context = run.context(self._http)
        try:
            value = run.job_type.run(payload, context)
            ended = from_value(context.result if value is None else value)
        except BaseException as error:
            ended = self._raised(run, error)
        self._end(run, ended)

    def _raised(self, run: Run, error: BaseException) -> Ended:
        return from_exception(
            error,
            run.job_type.retry,
            failures=run.lease.failures,
            uniform=self._uniform(),
            now=self._clock.at_least(),
        )

    def _begin(self, run: Run) -> bool:
        refusal = run.last_check(self._clock, self._now)
        if refusal is None:
            failpoints.hit("handler.calling")
            self._tell(self._watcher.began, run)
            return True
        self._tell(self._watcher.refused, run, refusal)
        return False

    def _end(self, run: Run, ended: Ended) -> None:
        failpoints.hit("handler.returned")
        self._tell(self._watcher.ended, run, ended, self._clock.at_least())

    def _tell(self, hear: Callable[..., None], run: Run, *more: object) -> None:
        # The main loop is closed: the process ends, and nobody is left to tell.
        with contextlib.suppress(RuntimeError):
            self._post(hear, run, *more)
