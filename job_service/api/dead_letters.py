"""Public routes on dead letters: the list, and an export of all that match."""

from collections.abc import AsyncIterator
from typing import Annotated, Any, Literal, Protocol
from uuid import UUID

from fastapi import APIRouter, Query, Response
from fastapi.responses import StreamingResponse
from pydantic import AfterValidator, BaseModel, ConfigDict, Field
from pydantic.alias_generators import to_camel
from pydantic_core import to_json

from job_service.api.documented import Shape, problems
from job_service.api.list_jobs import DEFAULT_PAGE, MAX_PAGE, LabelFilter, QueryTime, labels_of
from job_service.api.models import MAX_LABELS, MAX_NAME_CHARS, PublicJob, Text, public_job
from job_service.api.replies import success
from job_service.domain.letters import REASONS, Letter, LetterPage, LetterWish
from job_service.operations.problems import Invalid
from shared.contracts.cursors import MAX_CURSOR_CHARS, cursor_at, position_of


class Lines(StreamingResponse):
    """A JSON document in each line."""

    media_type = "application/x-ndjson"


STREAMED = (
    "A stream: it is whole if it ended in good order. After one that broke, ask again with the `cursor` of "
    "the last whole line."
)


class ReadLetters(Protocol):
    """Reads dead letters."""

    async def page(self, wish: LetterWish, *, below: UUID | None, limit: int) -> LetterPage: ...


def known_reason(reason: str) -> str:
    """One of those for which a job may fail for good."""
    if reason not in REASONS:
        raise ValueError(f"no dead letter has that reason; there are {', '.join(REASONS)}")
    return reason


ReasonFilter = Annotated[Text, AfterValidator(known_reason)]


class ExportQuery(BaseModel):
    """The filters of dead letters; all that are given must hold. Both ends of a range belong to it."""

    model_config = ConfigDict(alias_generator=to_camel, extra="forbid", frozen=True)

    job_type: Text | None = Field(default=None, min_length=1, max_length=100)
    reason: ReasonFilter | None = Field(
        default=None, max_length=40, description=f"Why it failed for good: {', '.join(REASONS)}."
    )
    name: Text | None = Field(
        default=None, min_length=1, max_length=MAX_NAME_CHARS, description="How the name begins."
    )
    label: list[LabelFilter] = Field(
        default_factory=list,
        max_length=MAX_LABELS,
        description="`key:value`; repeat it, and all must hold. The key ends at the first colon.",
    )
    created_from: QueryTime | None = None
    created_to: QueryTime | None = None
    finished_from: QueryTime | None = None
    finished_to: QueryTime | None = None
    cursor: str | None = Field(
        default=None,
        min_length=1,
        max_length=MAX_CURSOR_CHARS,
        description="Go on after it; the filters stay as they were.",
    )

    def wish(self) -> LetterWish:
        """The filters.

        Raises:
            Invalid: one key of a label is asked for with two values, which no job has.
        """
        return LetterWish(
            job_type=self.job_type,
            reason=self.reason,
            name=self.name,
            labels=labels_of(self.label),
            created_from=self.created_from,
            created_to=self.created_to,
            finished_from=self.finished_from,
            finished_to=self.finished_to,
        )


class LetterQuery(ExportQuery):
    """The same, and how long the page is."""

    limit: int = Field(default=DEFAULT_PAGE, ge=1, le=MAX_PAGE)


class PublicLetter(PublicJob):
    """A job that failed for good. `reason`: why, as its history says."""

    reason: str | None


class LetterLine(PublicLetter):
    """A line of an export. `cursor` goes on after it."""

    cursor: str


class LetterItems(Shape):
    """A page. It may have fewer items than `limit`, or none, while there are more: follow `nextCursor`."""

    items: list[PublicLetter]
    next_cursor: str | None


class LetterPageReply(Shape):
    """The reply of the list."""

    success: Literal[True]
    message: str
    data: LetterItems


def routes(read: ReadLetters) -> APIRouter:
    """The router."""
    router = APIRouter(prefix="/api/v1/dead-letters", tags=["dead letters"])

    @router.get(
        "",
        summary="Jobs that failed for good, newest first",
        responses={200: {"model": LetterPageReply}, **problems()},
    )
    async def list_letters(query: Annotated[LetterQuery, Query()]) -> Response:
        wish = query.wish()
        page = await read.page(wish, below=_below(query, wish), limit=query.limit)
        following = None if page.below is None else cursor_at(page.below, wish.digest)
        items = [public_letter(letter) for letter in page.letters]
        return success(f"{len(items)} dead letters", {"items": items, "nextCursor": following})

    @router.get(
        "/export",
        summary="All that match, newest first, a JSON document in each line",
        response_class=Lines,
        responses={200: {"model": LetterLine, "description": STREAMED}, **problems()},
    )
    async def export_letters(query: Annotated[ExportQuery, Query()]) -> Response:
        wish = query.wish()
        return Lines(_lines(read, wish, _below(query, wish)))

    return router


def public_letter(letter: Letter) -> dict[str, Any]:
    """A dead letter in its public form."""
    return {**public_job(letter.job), "reason": letter.reason}


async def _lines(read: ReadLetters, wish: LetterWish, below: UUID | None) -> AsyncIterator[bytes]:
    """A page at a time, read when the one before is on its way."""
    while True:
        page = await read.page(wish, below=below, limit=MAX_PAGE)
        yield b"".join(
            to_json({**public_letter(letter), "cursor": cursor_at(letter.job.id, wish.digest)})
            + b"\n"
            for letter in page.letters
        )
        if page.below is None:
            return
        below = page.below


def _below(query: ExportQuery, wish: LetterWish) -> UUID | None:
    if query.cursor is None:
        return None
    try:
        return position_of(query.cursor, wish.digest)
    except ValueError as error:
        raise Invalid("cursor", str(error)) from None
