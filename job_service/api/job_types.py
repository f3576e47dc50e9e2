"""Public routes on job types: what workers have declared, pause, resume."""

import re
from base64 import urlsafe_b64decode, urlsafe_b64encode
from typing import Annotated, Any, Protocol

from fastapi import APIRouter, Path, Query, Response
from pydantic import BaseModel, ConfigDict, Field
from pydantic.alias_generators import to_camel

from job_service.api.documented import problems
from job_service.api.replies import success
from job_service.operations.pause_types import PauseTypes
from job_service.operations.problems import Invalid, NotFound
from shared.contracts.base import PublicTime

DEFAULT_PAGE, MAX_PAGE = 50, 200
"""Items of a page."""

MAX_CURSOR_CHARS = 200
"""Longer texts are refused before they are read."""

MAX_NAME_CHARS = 100

_NAME = re.compile(r"[A-Za-z][A-Za-z0-9_.-]{0,99}", re.ASCII)
"""As `TypeName` has it: no other name is looked for."""

TypeInPath = Annotated[str, Path(alias="type", description="The job type's name.")]


class ReadTypes(Protocol):
    """Reads the types."""

    async def list(self, after: str, limit: int) -> list[Any]: ...


class TypeLimits(BaseModel):
    """What an attempt may take where its job names nothing else; how many of the type run at once over all
    workers (null: as many as there are slots); and whether a failed job lets others of its ordering key pass
    until its next try."""

    model_config = ConfigDict(alias_generator=to_camel, populate_by_name=True)

    timeout_seconds: float
    max_running: int | None
    passes_key: bool


class PublicJobType(BaseModel):
    """A job type as clients see it. `payloadSchema` null: payloads are not checked before they run."""

    model_config = ConfigDict(alias_generator=to_camel, populate_by_name=True)

    name: str
    payload_schema: dict[str, Any] | None
    limits: TypeLimits
    live_workers: int
    declared_at: PublicTime
    paused_at: PublicTime | None


class TypeItems(BaseModel):
    """A page, by name."""

    model_config = ConfigDict(alias_generator=to_camel)

    items: list[PublicJobType]
    next_cursor: str | None


class TypePage(BaseModel):
    """The reply of the list."""

    success: bool
    message: str
    data: TypeItems


class OneType(BaseModel):
    """The reply of a pause and of a resume."""

    success: bool
    message: str
    data: PublicJobType


class TypeQuery(BaseModel):
    """Where the page begins, and how long it is."""

    model_config = ConfigDict(alias_generator=to_camel, extra="forbid", frozen=True)

    limit: int = Field(default=DEFAULT_PAGE, ge=1, le=MAX_PAGE)
    cursor: str | None = Field(
        default=None,
        min_length=1,
        max_length=MAX_CURSOR_CHARS,
        description="`nextCursor` of the page before.",
    )


def routes(pauses: PauseTypes, read: ReadTypes) -> APIRouter:
    """The router."""
    router = APIRouter(prefix="/api/v1/job-types", tags=["job types"])

    @router.get(
        "", summary="Declared job types, by name", response_model=TypePage, responses=problems()
    )
    async def list_types(query: Annotated[TypeQuery, Query()]) -> Response:
        after = "" if query.cursor is None else _name_in(query.cursor)
        rows = await read.list(after, query.limit + 1)
        items = [_public(row) for row in rows[: query.limit]]
        following = _cursor_at(items[-1]["name"]) if len(rows) > query.limit else None
        return success(f"{len(items)} job types", {"items": items, "nextCursor": following})

    @router.post(
        "/{type}/pause",
        summary="Claim nothing of this type until it is resumed; held and running jobs go on",
        response_model=OneType,
        responses=problems(404),
    )
    async def pause(name: TypeInPath) -> Response:
        row = await pauses.pause(_known_form(name))
        return success(f"{name} is paused", _public(row))

    @router.post(
        "/{type}/resume",
        summary="Lift the pause of this type",
        response_model=OneType,
        responses=problems(404),
    )
    async def resume(name: TypeInPath) -> Response:
        row = await pauses.resume(_known_form(name))
        return success(f"{name} is not paused", _public(row))

    return router


def _public(row: Any) -> dict[str, Any]:
    shown = PublicJobType(
        name=row["name"],
        payload_schema=row["payload_schema"],
        limits=TypeLimits(
            timeout_seconds=row["timeout_seconds"],
            max_running=row["max_running"],
            passes_key=row["passes_key"],
        ),
        live_workers=row["live_workers"],
        declared_at=row["declared_at"],
        paused_at=row["paused_at"],
    )
    return shown.model_dump(mode="json", by_alias=True)


def _known_form(name: str) -> str:
    if not _NAME.fullmatch(name):
        raise NotFound("job type", name[:MAX_NAME_CHARS])
    return name


def _cursor_at(name: str) -> str:
    return urlsafe_b64encode(name.encode()).decode()


def _name_in(cursor: str) -> str:
    try:
        name = urlsafe_b64decode(cursor.encode("ascii")).decode("ascii")
    except ValueError:
        name = ""
    if not _NAME.fullmatch(name) or _cursor_at(name) != cursor:
        raise Invalid("cursor", "no cursor of ours; take nextCursor of the page before, as it is")
    return name
