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
import json
import re
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Protocol
from uuid import UUID

from pydantic import BaseModel, JsonValue, ValidationError
from pydantic.errors import PydanticUserError

from shared.contracts.nodes import MAX_RUNNING, schema_text
from worker_service.guarded_http.addresses import AddressRefused as AddressRefused
from worker_service.guarded_http.answers import read_bounded as read_bounded
from worker_service.guarded_http.answers import readable as readable
from worker_service.guarded_http.client import GuardedHttp as GuardedHttp

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
    async handler is cancelled by asyncio instead). `http` makes clients that reach global addresses and the
    networks of `PUNCTUAL_HTTP_CALL__ALLOW_NETWORKS` only: for addresses that a payload names.
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
    http: GuardedHttp = field(default_factory=GuardedHttp)

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
    code). `payload_schema` is the model as a JSON Schema: what job_service checks when a job is
    created. At most `max_running` of it run at once over all workers. A failed one keeps its ordering key
    until it is tried again, unless the type `passes_key`.
    """

    name: str
    payload: type[BaseModel]
    payload_schema: Mapping[str, JsonValue]
    timeout_seconds: float
    lane: str
    run: Handler
    max_running: int | None = None
    passes_key: bool = False

    def read(self, payload: JsonValue) -> BaseModel:
        """A payload as the model. No payload is null, or the model's defaults where it takes no
        null.

        Raises:
            ValidationError: it does not fit.
        """
        if payload is None:
            try:
                return self.payload.model_validate_json("null")
            except ValidationError:
                return self.payload.model_validate_json("{}")
        return self.payload.model_validate_json(json.dumps(payload))


def job_type(
    name: str,
    *,
    payload: type[BaseModel],
    timeout_seconds: float = DEFAULT_TIMEOUT_SECONDS,
    max_running: int | None = None,
    passes_key: bool = False,
) -> Callable[[Handler], JobType]:
    """Declare a job type. An `async def` runs on the handlers' loop, a plain `def` in a thread.

    `max_running`: at most so many jobs of the type are with workers at once, over all workers (1 to a
    million; None: as many as there are slots). `passes_key`: while a failed job waits for its next try,
    others of its ordering key may run.

    Raises:
        ValueError: name, limit or payload model cannot be declared (checked when the file is
        loaded, not when a job runs).
    """
    if not _NAME.fullmatch(name):
        raise ValueError(
            f"{name!r} is no job type's name: 1 to 100 letters, digits, _ . - and a letter first"
        )
    if not 0 < timeout_seconds <= 604_800:
        raise ValueError(f"{name}: timeout_seconds is above 0 and at most 604800")
    if max_running is not None and not 1 <= max_running <= MAX_RUNNING:
        raise ValueError(f"{name}: max_running is 1 to {MAX_RUNNING}, or None")

    try:
        schema = payload.model_json_schema()
        schema_text(schema)
    except (PydanticUserError, ValueError) as error:
        raise ValueError(f"{name}: the payload model has no JSON Schema: {error}") from error

    def declare(run: Handler) -> JobType:
        lane = "async" if inspect.iscoroutinefunction(run) else "thread"
        return JobType(name, payload, schema, timeout_seconds, lane, run, max_running, passes_key)

    return declare
