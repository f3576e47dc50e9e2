"""What the OpenAPI document says of replies: the shapes of data, and the problems each call may answer."""

from typing import Any, Literal
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field
from pydantic.alias_generators import to_camel

from job_service.api.models import PublicJob
from shared.api import replies
from shared.contracts.base import PublicTime
from shared.contracts.way import WayMs

_REASONS = {
    400: "Malformed",
    404: "Not found",
    409: "Not in this state",
    412: "`If-Match` is stale",
    413: "Too large",
    415: "Not declared as JSON",
    422: "It does not fit",
    428: "`If-Match` is missing",
    429: "Overloaded",
    503: "The database does not answer",
}
_ANY_REQUEST = (422, 429, 503)
_WITH_BODY = (400, 413, 415)


class Shape(BaseModel):
    """Base: camelCase."""

    model_config = ConfigDict(alias_generator=to_camel, populate_by_name=True)


class JobReply(Shape):
    """One job."""

    success: Literal[True]
    message: str
    data: PublicJob


_TAG = {
    "description": "The job's version; send it as `If-Match` or `If-None-Match`.",
    "required": True,
    "schema": {"type": "string", "pattern": '^"[0-9]+"$'},
}
_PLACE = {
    "description": "Where the job is read.",
    "required": True,
    "schema": {"type": "string", "pattern": "^/api/v1/jobs/[0-9a-f-]{36}$"},
}
TAGGED: dict[str, Any] = {"headers": {"ETag": _TAG}}
"""A reply with the version of a job."""
JOB: dict[str, Any] = {"model": JobReply, **TAGGED}
MADE: dict[str, Any] = {"model": JobReply, "headers": {"ETag": _TAG, "Location": _PLACE}}
"""The reply to a creation, or to its repeat."""


class RefusedItem(Shape):
    """In a batch: what is wrong with the job in this place."""

    error: dict[str, Any]


class BatchReply(Shape):
    """Jobs and problems, in the order given."""

    success: Literal[True]
    message: str
    data: list[PublicJob | RefusedItem]


class HistoryRow(Shape):
    """One transition."""

    version: int
    from_: str | None = Field(alias="from")
    to: str
    attempt: int
    node: UUID | None
    at: PublicTime
    reason: str
    actor: str


class HistoryReply(Shape):
    """Every transition, oldest first."""

    success: Literal[True]
    message: str
    data: list[HistoryRow]


class PublicProgress(Shape):
    """How far a handler is: `done` of `total` (null: nobody knows), as of `at`."""

    done: int
    total: int | None
    note: str
    at: PublicTime


class PublicExecution(Shape):
    """One attempt that was leased."""

    execution_id: UUID
    job_id: UUID
    attempt: int
    node: UUID
    status: str
    leased_at: PublicTime
    started_at: PublicTime | None
    ended_at: PublicTime | None
    lateness_ms: float | None
    way_ms: WayMs
    error: str | None
    notes: list[Any]
    progress: PublicProgress | None


class ExecutionsReply(Shape):
    """Every attempt, oldest first."""

    success: Literal[True]
    message: str
    data: list[PublicExecution]


class LogLine(Shape):
    """One line that a handler logged."""

    attempt: int
    at: PublicTime
    level: Literal["info", "warning", "error"]
    text: str


class LogReply(Shape):
    """The first 200 lines of each attempt, oldest first."""

    success: Literal[True]
    message: str
    data: list[LogLine]


class ExecutionPage(Shape):
    """Some executions; `nextCursor` asks for those that follow."""

    items: list[PublicExecution]
    next_cursor: UUID | None


class ExecutionPageReply(Shape):
    """Executions of every node, newest first."""

    success: Literal[True]
    message: str
    data: ExecutionPage


class ExecutionReply(Shape):
    """One execution."""

    success: Literal[True]
    message: str
    data: PublicExecution


def problems(*statuses: int, body: bool = False) -> dict[int | str, dict[str, Any]]:
    """The problems that a call may answer, beside those that any request may meet."""
    every = sorted({*statuses, *_ANY_REQUEST, *(_WITH_BODY if body else ())})
    return {
        status: {**reply, "description": _REASONS[int(status)]}
        for status, reply in replies.problems(*every).items()
    }
