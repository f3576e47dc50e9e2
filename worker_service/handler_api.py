"""The only module that a job type's file imports from Punctual.

A job type is one file: a payload model, limits, one function.

    class Payload(BaseModel):
        sleep_ms: int = 2000

    @job_type("DUMMY", payload=Payload, timeout_seconds=300)
    async def run(payload: Payload, context: Context) -> dict[str, int]:
        ...

The function's return value (any JSON value up to 64 KiB) is the job's result. Raising `Fail` is a
failure with a message of its own; any other exception is a failure too. `Snooze` makes the job due
again later and spends no attempt.
"""

import inspect
import re
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Protocol
from uuid import UUID

from pydantic import BaseModel

DEFAULT_TIMEOUT_SECONDS = 300.0
"""For a type that names no time (DESIGN section 3)."""
_NAME = re.compile(r"[A-Za-z][A-Za-z0-9_.-]{0,99}")


class Fail(Exception):
    """The attempt failed. `retry=False` ends the job whatever tries are left."""

    def __init__(
        self, message: str, *, retry: bool = True, retry_after_seconds: float | None = None
    ) -> None:
        super().__init__(message)
        self.retry = retry
        self.retry_after_seconds = retry_after_seconds


class Snooze(Exception):
    """Not now: the job is due again `seconds` (0 to a year) from now and no attempt is spent."""

    def __init__(self, seconds: float) -> None:
        super().__init__(f"snoozed for {seconds} s")
        self.seconds = seconds


class Cancelled(Exception):
    """Raised by `Context.check()` in a thread handler when the attempt was cancelled or timed
    out.
    """


class Log(Protocol):
    """What a handler may log with; job, attempt and node are added."""

    def info(self, event: str, **values: Any) -> Any: ...
    def warning(self, event: str, **values: Any) -> Any: ...
    def error(self, event: str, **values: Any) -> Any: ...


@dataclass(frozen=True)
class Context:
    """What a handler knows of its attempt.

    `token` fences: a target that remembers the highest token per job can refuse an older attempt.
    `check` raises `Cancelled` once the attempt was cancelled or timed out (for thread handlers; an
    async handler is cancelled by asyncio instead).
    """

    job_id: UUID
    attempt: int
    execution_id: UUID
    name: str
    due_at: datetime
    failures: int
    log: Log
    check: Callable[[], None]
    traceparent: str | None = None

    @property
    def token(self) -> str:
        """The fencing token as text: `<job id>.<attempt>`."""
        return f"{self.job_id}.{self.attempt}"

    def idempotency_key(self, name: str) -> str:
        """A key for one effect of this job: the same on every attempt."""
        return f"{self.job_id}:{name}"


Handler = Callable[[Any, Context], Awaitable[Any] | Any]


@dataclass(frozen=True)
class JobType:
    """A declared job type. `lane` is `async` (on the handlers' loop) or `thread` (blocking
    code).
    """

    name: str
    payload: type[BaseModel]
    timeout_seconds: float
    lane: str
    run: Handler


def job_type(
    name: str, *, payload: type[BaseModel], timeout_seconds: float = DEFAULT_TIMEOUT_SECONDS
) -> Callable[[Handler], JobType]:
    """Declare a job type. An `async def` runs on the handlers' loop, a plain `def` in a thread.

    Raises:
        ValueError: name or limit is out of bounds (checked when the file is loaded, not when a job
        runs).
    """
    if not _NAME.fullmatch(name):
        raise ValueError(
            f"{name!r} is no job type's name: 1 to 100 letters, digits, _ . - and a letter first"
        )
    if not 0 < timeout_seconds <= 604_800:
        raise ValueError(f"{name}: timeout_seconds is above 0 and at most 604800")

    def declare(run: Handler) -> JobType:
        lane = "async" if inspect.iscoroutinefunction(run) else "thread"
        return JobType(name, payload, timeout_seconds, lane, run)

    return declare
