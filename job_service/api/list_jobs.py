"""Public lists of jobs."""

import re
from collections.abc import Sequence
from typing import Annotated, Any, Literal, Protocol
from uuid import UUID

from fastapi import APIRouter, Query, Response
from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field
from pydantic.alias_generators import to_camel

from job_service.api.documented import Shape, problems
from job_service.api.models import (
    MAX_LABELS,
    MAX_NAME_CHARS,
    PublicJob,
    RequestTime,
    Text,
    public_job,
)
from job_service.api.replies import success
from job_service.domain.job import Job
from job_service.domain.listed import Page, Wish
from job_service.operations.problems import Invalid
from shared.contracts.cursors import MAX_CURSOR_CHARS, cursor_at, position_of
from shared.contracts.states import JobStatus

DEFAULT_PAGE, MAX_PAGE = 50, 200
"""Items of a page."""

MAX_LABEL_CHARS = 100
"""Of a label's key, and of its value."""

_ZONE_AFTER_SPACE = re.compile(r"(T\S+) (\d\d:?\d\d)$")


class ReadLists(Protocol):
    """What the lists need of the database."""

    async def page(self, wish: Wish, *, below: UUID | None, limit: int) -> Page: ...
    async def ready_to_schedule(self) -> list[Job]: ...
    async def ready_to_run(self) -> list[Job]: ...


def _plus(value: Any) -> Any:
    """A `+` that was not encoded arrives as a space."""
    return _ZONE_AFTER_SPACE.sub(r"\1+\2", value) if isinstance(value, str) else value


def _label(text: str) -> str:
    key, _, value = text.partition(":")
    if not 1 <= len(key) <= MAX_LABEL_CHARS or not 1 <= len(value) <= MAX_LABEL_CHARS:
        raise ValueError("a label is written key:value, as in label=team:payments")
    return text


def labels_of(given: Sequence[str]) -> dict[str, str]:
    """The labels of `key:value` each.

    Raises:
        Invalid: one key is asked for with two values, which no job has.
    """
    labels: dict[str, str] = {}
    for key, _, value in (text.partition(":") for text in given):
        if labels.setdefault(key, value) != value:
            raise Invalid("label", f"no job has two values of {key!r}; ask for one")
    return labels


QueryTime = Annotated[RequestTime, BeforeValidator(_plus)]
LabelFilter = Annotated[Text, AfterValidator(_label)]


class ListQuery(BaseModel):
    """The filters of a list; all that are given must hold. Both ends of a range belong to it."""

    model_config = ConfigDict(alias_generator=to_camel, extra="forbid", frozen=True)

    status: list[JobStatus] = Field(
        default_factory=list, max_length=50, description="Repeat it for any of several states."
    )
    job_type: Text | None = Field(default=None, min_length=1, max_length=100)
    name: Text | None = Field(
        default=None, min_length=1, max_length=MAX_NAME_CHARS, description="How the name begins."
    )
    label: list[LabelFilter] = Field(
        default_factory=list,
        max_length=MAX_LABELS,
        description="`key:value`; repeat it, and all must hold. The key ends at the first colon.",
    )
    scheduled_from: QueryTime | None = None
    scheduled_to: QueryTime | None = None
    created_from: QueryTime | None = None
    created_to: QueryTime | None = None
    limit: int = Field(default=DEFAULT_PAGE, ge=1, le=MAX_PAGE)
    cursor: str | None = Field(
        default=None,
        min_length=1,
        max_length=MAX_CURSOR_CHARS,
        description="`nextCursor` of the page before; the filters stay as they were.",
    )

    def wish(self) -> Wish:
        """The filters.

        Raises:
            Invalid: one key of a label is asked for with two values, which no job has.
        """
        return Wish(
            statuses=frozenset(self.status),
            job_type=self.job_type,
            name=self.name,
            labels=labels_of(self.label),
            scheduled_from=self.scheduled_from,
            scheduled_to=self.scheduled_to,
            created_from=self.created_from,
            created_to=self.created_to,
        )


class JobItems(Shape):
    """A page. It may have fewer items than `limit`, or none, while there are more: follow `nextCursor`."""

    items: list[PublicJob]
    next_cursor: str | None


class JobPage(Shape):
    """The reply of the list."""

    success: Literal[True]
    message: str
    data: JobItems


class JobList(Shape):
    """The reply of a list that has no pages."""

    success: Literal[True]
    message: str
    data: list[PublicJob]


def routes(read: ReadLists) -> APIRouter:
    """The router; it goes before the one that takes any name for the id of a job."""
    router = APIRouter(prefix="/api/v1/jobs", tags=["jobs"])

    @router.get("", summary="Jobs, newest first", responses={200: {"model": JobPage}, **problems()})
    async def list_jobs(query: Annotated[ListQuery, Query()]) -> Response:
        wish = query.wish()
        below = None if query.cursor is None else _position(query.cursor, wish)
        page = await read.page(wish, below=below, limit=query.limit)
        following = None if page.below is None else cursor_at(page.below, wish.digest)
        items = [public_job(job) for job in page.jobs]
        return success(f"{len(items)} jobs", {"items": items, "nextCursor": following})

    @router.get(
        "/ready-to-schedule",
        summary="CREATED and due, in the order of claims; at most 1,000",
        responses={200: {"model": JobList}, **problems()},
    )
    async def ready_to_schedule() -> Response:
        jobs = await read.ready_to_schedule()
        return success(f"{len(jobs)} jobs are CREATED and due", [public_job(job) for job in jobs])

    @router.get(
        "/ready-to-run",
        summary="SCHEDULED and not leased, earliest first; at most 1,000",
        responses={200: {"model": JobList}, **problems()},
    )
    async def ready_to_run() -> Response:
        jobs = await read.ready_to_run()
        message = f"{len(jobs)} jobs are SCHEDULED and not leased"
        return success(message, [public_job(job) for job in jobs])

    return router


def _position(cursor: str, wish: Wish) -> UUID:
    try:
        return position_of(cursor, wish.digest)
    except ValueError as error:
        raise Invalid("cursor", str(error)) from None
