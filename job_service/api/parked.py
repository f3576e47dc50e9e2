"""Public routes on parked records: what was on the topic and is no dispatch."""

from base64 import b64encode, urlsafe_b64decode, urlsafe_b64encode
from codecs import getincrementaldecoder
from typing import Annotated, Any, Literal, Protocol

from fastapi import APIRouter, Path, Query, Response
from pydantic import BaseModel, ConfigDict, Field
from pydantic.alias_generators import to_camel

from job_service.api.documented import Shape, problems
from job_service.api.models import Text
from job_service.api.replies import success
from job_service.domain.parked import FIRST, MAX_CHARS, RecordId
from job_service.operations.problems import Invalid, NotFound
from shared.contracts.base import PublicTime, rfc3339

DEFAULT_PAGE, MAX_PAGE = 50, 200
"""Items of a page."""

MAX_CURSOR_CHARS = 600
"""Longer texts are refused before they are read."""

RecordInPath = Annotated[str, Path(alias="id", description="`topic:topicPartition:offset:sha256`.")]


class ReadParked(Protocol):
    """What the routes need of the database."""

    async def list(
        self, after: RecordId, *, topic: str | None, topic_partition: int | None, limit: int
    ) -> list[Any]: ...
    async def read(self, record: RecordId) -> Any | None: ...
    async def drop(self, record: RecordId) -> bool: ...


class ParkedQuery(BaseModel):
    """The filters, where the page begins, and how long it is."""

    model_config = ConfigDict(alias_generator=to_camel, extra="forbid", frozen=True)

    topic: Text | None = Field(default=None, min_length=1, max_length=249)
    topic_partition: int | None = Field(default=None, ge=0, le=2_147_483_647)
    limit: int = Field(default=DEFAULT_PAGE, ge=1, le=MAX_PAGE)
    cursor: str | None = Field(
        default=None,
        min_length=1,
        max_length=MAX_CURSOR_CHARS,
        description="`nextCursor` of the page before.",
    )


class PublicParked(Shape):
    """A record without its bytes. `size`: of the value that was on the topic, in bytes."""

    record_id: str
    topic: str
    topic_partition: int
    offset: int
    sha256: str
    size: int
    reason: str
    parked_at: PublicTime


class WholeParked(PublicParked):
    """And its bytes, the first 64 KiB of them: as base64, and as text where they are UTF-8."""

    raw: str
    text: str | None


class ParkedItems(Shape):
    """A page."""

    items: list[PublicParked]
    next_cursor: str | None


class ParkedPage(Shape):
    """The reply of the list."""

    success: Literal[True]
    message: str
    data: ParkedItems


class ParkedReply(Shape):
    """One record."""

    success: Literal[True]
    message: str
    data: WholeParked


def routes(parked: ReadParked) -> APIRouter:
    """The router."""
    router = APIRouter(prefix="/api/v1/parked-records", tags=["parked records"])

    @router.get(
        "",
        summary="Records that were no dispatch, by topic, topic partition and offset",
        responses={200: {"model": ParkedPage}, **problems()},
    )
    async def list_parked(query: Annotated[ParkedQuery, Query()]) -> Response:
        after = FIRST if query.cursor is None else _position(query.cursor)
        rows = await parked.list(
            after,
            topic=query.topic,
            topic_partition=query.topic_partition,
            limit=query.limit + 1,
        )
        page = rows[: query.limit]
        following = _cursor_at(_id_of(page[-1])) if len(rows) > query.limit else None
        items = [_public(row) for row in page]
        return success(f"{len(items)} parked records", {"items": items, "nextCursor": following})

    @router.get(
        "/{id}",
        summary="One with its bytes",
        responses={200: {"model": ParkedReply}, **problems(404)},
    )
    async def get_parked(record: RecordInPath) -> Response:
        row = await parked.read(_known_form(record))
        if row is None:
            raise NotFound("parked record", record)
        return success("Parked record found", {**_public(row), **_bytes(row["raw"], row["size"])})

    @router.delete("/{id}", status_code=204, summary="Drop it for good", responses=problems(404))
    async def drop_parked(record: RecordInPath) -> Response:
        if not await parked.drop(_known_form(record)):
            raise NotFound("parked record", record)
        return Response(status_code=204)

    return router


def _known_form(text: str) -> RecordId:
    try:
        return RecordId.of(text[:MAX_CHARS])
    except ValueError:
        raise NotFound("parked record", text[:MAX_CHARS]) from None


def _id_of(row: Any) -> RecordId:
    return RecordId(row["topic"], row["topic_partition"], row["record_offset"], row["sha256"])


def _public(row: Any) -> dict[str, Any]:
    return {
        "recordId": str(_id_of(row)),
        "topic": row["topic"],
        "topicPartition": row["topic_partition"],
        "offset": row["record_offset"],
        "sha256": row["sha256"].hex(),
        "size": row["size"],
        "reason": row["reason"],
        "parkedAt": rfc3339(row["parked_at"]),
    }


def _bytes(raw: bytes, size: int) -> dict[str, str | None]:
    """Where it was cut, half a character at the end is left out of the text."""
    text: str | None
    try:
        text = getincrementaldecoder("utf-8")().decode(raw, final=len(raw) >= size)
    except UnicodeDecodeError:
        text = None
    return {"raw": b64encode(raw).decode(), "text": text}


def _cursor_at(record: RecordId) -> str:
    return urlsafe_b64encode(str(record).encode()).decode()


def _position(cursor: str) -> RecordId:
    try:
        return RecordId.of(urlsafe_b64decode(cursor.encode("ascii")).decode("ascii"))
    except ValueError:
        raise Invalid(
            "cursor", "no cursor of ours; take nextCursor of the page before, as it is"
        ) from None
