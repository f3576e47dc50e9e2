"""Run a job of a type to its end, attempt after attempt, and crash it where a test says."""

import asyncio
import inspect
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID, uuid4

from pydantic import BaseModel, ValidationError

from shared.contracts.states import Outcome
from worker_service.domain.outcome import Ended, bad_payload
from worker_service.handler_api import JobType, Progress
from worker_service.testing.clock import Clock
from worker_service.testing.context import LogEntry, RecordedLog, make_context
from worker_service.testing.crash_loop import MAX_AWAITS, Stuck
from worker_service.testing.process import Process

MAX_ATTEMPTS = 100
"""Attempts of one run, crashed and snoozed ones included."""
RETRY_SECONDS = 5.0
"""From a failure to the next attempt, where neither handler nor type say otherwise."""


@dataclass(frozen=True)
class AttemptRun:
    """What became of one attempt. `reason`: as in the job's history, or `crashed`. `awaits`: how often it let
    go of the loop. `next_after_seconds`: None if it was the last.
    """

    attempt: int
    began: datetime
    reason: str
    result: Any
    error: str | None
    awaits: int
    log: tuple[LogEntry, ...]
    progress: tuple[Progress, ...]
    next_after_seconds: float | None


@dataclass(frozen=True)
class JobRun:
    """What became of a job. `status`: SUCCESS or FAILED."""

    job_id: UUID
    status: str
    attempts: tuple[AttemptRun, ...]

    @property
    def result(self) -> Any:
        """What the last attempt returned."""
        return self.attempts[-1].result

    @property
    def error(self) -> str | None:
        """Why the last attempt failed; None if it did not."""
        return self.attempts[-1].error

    @property
    def reasons(self) -> list[str]:
        """Those of all attempts."""
        return [attempt.reason for attempt in self.attempts]

    @property
    def crashed(self) -> bool:
        """Whether an attempt came as far as to be crashed."""
        return "crashed" in self.reasons


def run_job(
    job_type: JobType,
    payload: Any = None,
    *,
    crash_at: int | Sequence[int] | None = None,
    clock: Clock | None = None,
    max_attempts: int = 3,
    job_id: UUID | None = None,
    on_start: Callable[[], object] | None = None,
) -> JobRun:
    """Run a job until it is settled, on an event loop of its own. `payload`: JSON, or the model.

    `crash_at=3`: at its third await the first attempt's process dies as by `kill -9`, after what was awaited
    has happened; the next attempt runs in a new one. `crash_at=[3, 1]`: the second one too, at its first
    await. An await that lets go of the loop counts; one that the handler has not is never reached.
    `on_start` is called before each process: forget there what the handler's module keeps (a pool).
    The clock is turned to the next attempt, and to whatever a handler sleeps for, while it has no socket open.

    Raises:
        ValueError: `crash_at` for a handler that is no `async def`, or below 1.
        Stuck: the handler waits for what nothing brings, or has more than 10,000 awaits.
        RuntimeError: called where an event loop runs: write `def test_…`, not `async def`.
    """
    crashes = [crash_at] if isinstance(crash_at, int) else list(crash_at or ())
    if crashes and not inspect.iscoroutinefunction(job_type.run):
        raise ValueError("only an async handler is crashed at an await")
    if any(at < 1 for at in crashes):
        raise ValueError("awaits are counted from 1 on")
    _refuse_in_a_loop()
    runner = _Runner(job_type, payload, clock or Clock(), job_id or uuid4(), on_start)
    try:
        return runner.run(crashes, max_attempts)
    finally:
        runner.process.close()


def every_crash(
    job_type: JobType,
    payload: Any = None,
    *,
    clock: Clock | None = None,
    max_attempts: int = 3,
    on_start: Callable[[], object] | None = None,
) -> Iterator[JobRun]:
    """A job of its own for each await of the handler, crashed there once and then run to its end; the last one
    came to its end without a crash.

    Raises:
        Stuck, ValueError, RuntimeError: as `run_job`.
    """
    for at in range(1, MAX_AWAITS):
        run = run_job(
            job_type,
            payload,
            crash_at=at,
            clock=clock,
            max_attempts=max_attempts,
            on_start=on_start,
        )
        yield run
        if not run.crashed:
            return


def _refuse_in_a_loop() -> None:
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        return
    raise RuntimeError("run_job has a loop of its own: call it in `def test_…`, not `async def`")


class _Runner:
    """The attempts of one job, in one process after the other."""

    def __init__(
        self,
        job_type: JobType,
        payload: Any,
        clock: Clock,
        job_id: UUID,
        on_start: Callable[[], object] | None,
    ) -> None:
        self._job_type = job_type
        self._payload = payload
        self._clock = clock
        self._job_id = job_id
        self._on_start = on_start or (lambda: None)
        self._runs: list[AttemptRun] = []
        self._failures = 0
        self._new_process()

    def run(self, crashes: Sequence[int], max_attempts: int) -> JobRun:
        """Until it is settled."""
        for number in range(1, MAX_ATTEMPTS + 1):
            crash_at = crashes[number - 1] if number <= len(crashes) else None
            self._attempt(number, crash_at, max_attempts)
            wait = self._runs[-1].next_after_seconds
            if wait is None:
                status = "SUCCESS" if self._runs[-1].reason == "succeeded" else "FAILED"
                return JobRun(self._job_id, status, tuple(self._runs))
            self._clock.turn(wait)
        raise Stuck(f"{self._job_type.name}: not settled after {MAX_ATTEMPTS} attempts")

    def _attempt(self, number: int, crash_at: int | None, max_attempts: int) -> None:
        began, log, progress = self._clock.now(), RecordedLog(), list[Progress]()
        ended = self._ended(number, log, progress, crash_at)
        awaits = self.process.awaits
        wait: float | None = 0.0
        if ended is None:
            self._new_process()
            ended = Ended(Outcome.FAILED, "crashed")
        else:
            wait = self._next_after(ended, max_attempts)
        self._runs.append(
            AttemptRun(
                attempt=number,
                began=began,
                reason=ended.reason,
                result=ended.result,
                error=ended.error,
                awaits=awaits,
                log=tuple(log.entries),
                progress=tuple(progress),
                next_after_seconds=wait,
            )
        )

    def _ended(
        self, number: int, log: RecordedLog, progress: list[Progress], crash_at: int | None
    ) -> Ended | None:
        try:
            payload = self._read()
        except ValidationError as error:
            return bad_payload(error)
        context = make_context(
            job_id=self._job_id,
            attempt=number,
            failures=self._failures,
            clock=self._clock,
            log=log,
            timeout_seconds=self._job_type.timeout_seconds,
            tell=progress.append,
        )
        return self.process.run(self._job_type, payload, context, crash_at)

    def _read(self) -> BaseModel:
        """As a worker reads it: out of JSON."""
        if isinstance(self._payload, BaseModel):
            return self._job_type.read(self._payload.model_dump(mode="json", by_alias=True))
        return self._job_type.read(self._payload)

    def _next_after(self, ended: Ended, max_attempts: int) -> float | None:
        """Seconds to the next attempt; None if there is none."""
        if ended.outcome is Outcome.SNOOZED:
            return ended.retry_after_seconds or 0.0
        if ended.outcome is Outcome.SUCCESS:
            return None
        self._failures += 1
        if not ended.retry or self._failures >= max_attempts:
            return None
        wish = ended.retry_after_seconds
        return RETRY_SECONDS if wish is None else wish

    def _new_process(self) -> None:
        self._on_start()
        self.process = Process(self._clock)
