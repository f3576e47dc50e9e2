"""The only module that a job type's file imports from Punctual.

A job type is one file: a payload model, limits, one function.

    class Payload(BaseModel):
        sleep_ms: int = 2000

    @job_type("DUMMY", payload=Payload, timeout_seconds=300)
    async def run(payload: Payload, context: Context) -> dict[str, int]:
        ...

The function's return value (any JSON value up to 64 KiB) is the job's result. Raising `Fail` or `Retry` is a
failure with a message of its own; any other exception is a failure too. `Snooze` makes the job due again later
and spends no attempt.
"""

import inspect
import json
import re
from collections.abc import Awaitable, Callable, Mapping
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Literal, Protocol, get_args
from uuid import UUID

from pydantic import BaseModel, JsonValue, ValidationError
from pydantic.errors import PydanticUserError

from shared.contracts.nodes import MAX_RUNNING, schema_text
from shared.contracts.reports import MAX_RESULT_BYTES as MAX_RESULT_BYTES
from worker_service.effects.connections import AnyConnection
from worker_service.effects.once import Effect as Effect
from worker_service.effects.once import LedgerBusy as LedgerBusy
from worker_service.effects.once import StaleToken as StaleToken
from worker_service.effects.once import Token, once
from worker_service.endings import Cancelled as Cancelled
from worker_service.endings import Fail as Fail
from worker_service.endings import Retry as Retry
from worker_service.endings import Snooze as Snooze
from worker_service.guarded_http.addresses import AddressRefused as AddressRefused
from worker_service.guarded_http.answers import kept_body as kept_body
from worker_service.guarded_http.answers import read_bounded as read_bounded
from worker_service.guarded_http.answers import read_unpacked as read_unpacked
from worker_service.guarded_http.answers import readable as readable
from worker_service.guarded_http.client import GuardedHttp as GuardedHttp
from worker_service.guarded_http.redaction import Redactor as Redactor
from worker_service.guarded_http.secrets import SECRET_NAME as SECRET_NAME
from worker_service.guarded_http.secrets import SecretProblem as SecretProblem
from worker_service.retry_policy import Exponential as Exponential
from worker_service.retry_policy import Fixed as Fixed
from worker_service.retry_policy import RetryPolicy as RetryPolicy
from worker_service.retry_policy import Steps as Steps

MAX_COUNT = 2**63 - 1
"""Of what progress counts."""
MAX_NOTE_CHARS = 200
DEFAULT_TIMEOUT_SECONDS = 300.0
"""For a type that names no time (DESIGN section 3)."""
_NAME = re.compile(r"[A-Za-z][A-Za-z0-9_.-]{0,99}")


class Log(Protocol):
    """What a handler may log with; job, attempt and node are added."""

    def info(self, event: str, **values: Any) -> Any: ...
    def warning(self, event: str, **values: Any) -> Any: ...
    def error(self, event: str, **values: Any) -> Any: ...


@dataclass(frozen=True)
class Progress:
    """How far a handler is: `done` of `total` (None: nobody knows), with a `note` of up to 200 characters."""

    done: int
    total: int | None
    note: str


@dataclass(eq=False)
class Context:
    """What a handler knows of its attempt.

    `epoch` and `attempt` order the tokens of one job (R22): a target that remembers the highest pair per job
    can refuse an older attempt.
    `deadline`: when the attempt's time is over, by the database clock.
    `check` raises `Cancelled` once the attempt was cancelled, timed out or is to stop (an async handler is
    cancelled by asyncio besides).
    `log` writes to the worker's log; its first 200 lines (at most 1,000 characters each) are kept and shown
    with the job.
    `http` makes clients that reach global addresses and the networks of `PUNCTUAL_HTTP_CALL__ALLOW_NETWORKS`
    only: for addresses that a payload names.
    `result`: what is kept as the job's result if the handler returns None.
    """

    job_id: UUID
    attempt: int
    execution_id: UUID
    name: str
    due_at: datetime
    failures: int
    log: Log
    check: Callable[[], None]
    deadline: datetime
    epoch: int = 1
    traceparent: str | None = None
    http: GuardedHttp = field(default_factory=GuardedHttp)
    tell: Callable[[Progress], None] = lambda _: None
    result: JsonValue = None

    @property
    def token(self) -> str:
        """The fencing token as text: `<job id>.<epoch>.<attempt>`."""
        return f"{self.job_id}.{self.epoch}.{self.attempt}"

    @property
    def cancelled(self) -> bool:
        """Whether the attempt was cancelled, timed out or is to stop."""
        try:
            self.check()
        except Cancelled:
            return True
        return False

    def idempotency_key(self, name: str) -> str:
        """A key for one effect of this job: the same on every attempt."""
        return f"{self.job_id}:{name}"

    def progress(self, done: int, total: int | None = None, note: str = "") -> None:
        """Tell how far it is; shown with the job within seconds. Cheap: only the last of a second is sent.

        Raises:
            ValueError: a number is below 0 or above 2^63 - 1, or `done` is above `total`.
        """
        if not 0 <= done <= MAX_COUNT or (total is not None and not done <= total <= MAX_COUNT):
            raise ValueError(f"progress: 0 <= done <= total <= {MAX_COUNT}, not {done} of {total}")
        self.tell(Progress(done, total, note[:MAX_NOTE_CHARS]))

    def once(self, connection: AnyConnection, name: str) -> AbstractAsyncContextManager[Effect]:
        """`async with context.once(connection, "charge") as effect:` applies an effect (a name of 1 to 200
        characters) once for this job, in a transaction of the handler's own PostgreSQL, which has the table
        of `python -m worker_service.effects`. Do it `if effect.fresh`; `effect.keep(…)` (JSON, at most
        64 KiB) is the `effect.result` of later attempts.

        Raises:
            StaleToken: a newer attempt has written there: this one lost its lease.
            LedgerBusy: another transaction of this job did not end within 30 s.
            ValueError: the name is none, or SQLAlchemy began a transaction by itself.
            TypeError: the connection is neither asyncpg's nor an AsyncConnection with asyncpg.
        """
        return once(connection, Token(self.job_id, self.epoch, self.attempt), name)


Handler = Callable[[Any, Context], Awaitable[Any] | Any]


Lane = Literal["async", "thread"]
InDoubt = Literal["stop", "continue"]
ANY_FAILURE = RetryPolicy()
"""Every failure is tried again, after the wait that job_service is set to."""


@dataclass(frozen=True)
class JobType:
    """A declared job type: see `job_type`. `payload_schema` is the model as a JSON Schema: what job_service
    checks when a job is created."""

    name: str
    payload: type[BaseModel]
    payload_schema: Mapping[str, JsonValue]
    timeout_seconds: float
    lane: Lane
    run: Handler
    max_running: int | None = None
    passes_key: bool = False
    retry: RetryPolicy = ANY_FAILURE
    in_doubt: InDoubt = "continue"

    def read(self, payload: JsonValue) -> BaseModel:
        """A payload as the model. No payload is null, or the model's defaults where it takes no null.

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
    lane: Lane | None = None,
    retry: RetryPolicy = ANY_FAILURE,
    max_running: int | None = None,
    passes_key: bool = False,
    in_doubt: InDoubt = "continue",
) -> Callable[[Handler], JobType]:
    """Declare a job type.

    `timeout_seconds`: for jobs that name no time of their own, above 0 to a week.
    `lane`: where it runs. `async` (what an `async def` gets) is one event loop for all, so it must not block;
    `thread` is what a plain `def` gets.
    `retry`: when a failed attempt is tried again.
    `max_running`: at most so many with workers at once, over all workers (1 to a million; None: no limit).
    `passes_key`: while a failed job waits for its next try, others of its ordering key may run.
    `in_doubt`: what happens when the worker has not heard from job_service for as long as its lease lasts, so
    that others may be given the job. `stop` ends the handler: for effects that must not happen twice.
    `continue` goes on until job_service says that the lease is lost: for effects that are fenced, or harmless
    when repeated.

    Raises:
        ValueError: name, limit, lane or payload model cannot be declared (checked when the file is loaded, not
        when a job runs).
    """
    if not _NAME.fullmatch(name):
        raise ValueError(
            f"{name!r} is no job type's name: 1 to 100 letters, digits, _ . - and a letter first"
        )
    if not 0 < timeout_seconds <= 604_800:
        raise ValueError(f"{name}: timeout_seconds is above 0 and at most 604800")
    if max_running is not None and not 1 <= max_running <= MAX_RUNNING:
        raise ValueError(f"{name}: max_running is 1 to {MAX_RUNNING}, or None")
    if in_doubt not in get_args(InDoubt):
        raise ValueError(f"{name}: in_doubt is stop or continue, not {in_doubt!r}")
    schema = _schema_of(name, payload)

    def declare(run: Handler) -> JobType:
        return JobType(
            name=name,
            payload=payload,
            payload_schema=schema,
            timeout_seconds=timeout_seconds,
            lane=_lane_of(name, lane, run),
            run=run,
            max_running=max_running,
            passes_key=passes_key,
            retry=retry,
            in_doubt=in_doubt,
        )

    return declare


def _schema_of(name: str, payload: type[BaseModel]) -> dict[str, JsonValue]:
    try:
        schema = payload.model_json_schema()
        schema_text(schema)
    except (PydanticUserError, ValueError) as error:
        raise ValueError(f"{name}: the payload model has no JSON Schema: {error}") from error
    return schema


def _lane_of(name: str, lane: Lane | None, run: Handler) -> Lane:
    if lane not in (None, *get_args(Lane)):
        raise ValueError(f"{name}: lane is async or thread, not {lane!r}")
    is_async = inspect.iscoroutinefunction(run)
    if lane == "async" and not is_async:
        raise ValueError(f"{name}: the lane async takes an async def")
    if lane == "thread" and is_async:
        raise ValueError(f"{name}: the lane thread takes a plain def")
    return lane or ("async" if is_async else "thread")
