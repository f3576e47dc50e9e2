"""Public routes on nodes."""

from typing import Annotated, Any, Literal, Protocol
from uuid import UUID

from fastapi import APIRouter, Path, Query, Response
from pydantic import BaseModel, ConfigDict, Field
from pydantic.alias_generators import to_camel

from job_service.api.documented import Shape, problems
from job_service.api.models import public_node
from job_service.api.replies import success
from job_service.domain.listed import BEYOND
from job_service.operations.drain_worker import DrainWorker
from job_service.operations.problems import Invalid
from shared.contracts.base import PublicTime
from shared.contracts.cursors import MAX_CURSOR_CHARS, cursor_at, position_of
from shared.contracts.states import NodeRole

DEFAULT_PAGE, MAX_PAGE = 50, 200
"""Items of a page."""

_WISH = b"nodes"
"""What cursors of this list are bound to."""


class ReadNodes(Protocol):
    """Reads the nodes."""

    async def list(self, below: UUID, limit: int) -> list[Any]: ...


class NodeQuery(BaseModel):
    """Where the page begins, and how long it is."""

    model_config = ConfigDict(alias_generator=to_camel, extra="forbid", frozen=True)

    limit: int = Field(default=DEFAULT_PAGE, ge=1, le=MAX_PAGE)
    cursor: str | None = Field(
        default=None,
        min_length=1,
        max_length=MAX_CURSOR_CHARS,
        description="`nextCursor` of the page before.",
    )


class PublicNode(Shape):
    """A scheduler or worker. `silent`: its session has run out, and it is not declared dead yet."""

    node_id: UUID
    role: NodeRole
    state: Literal["live", "silent", "dead"]
    address: str
    slots: int
    hold_slots: int
    running: int
    held: int
    types: list[str]
    topic_partitions: list[int]
    version: str
    registered_at: PublicTime
    last_seen_at: PublicTime
    died_at: PublicTime | None
    drain_asked_at: PublicTime | None


class NodeReply(Shape):
    """One node."""

    success: Literal[True]
    message: str
    data: PublicNode


class NodeItems(Shape):
    """A page."""

    items: list[PublicNode]
    next_cursor: str | None


class NodePage(Shape):
    """The reply of the list."""

    success: Literal[True]
    message: str
    data: NodeItems


def routes(nodes: ReadNodes, drain: DrainWorker) -> APIRouter:
    """The router."""
    router = APIRouter(prefix="/api/v1/nodes", tags=["nodes"])

    @router.get(
        "",
        summary="Live and recently dead schedulers and workers, newest first",
        responses={200: {"model": NodePage}, **problems()},
    )
    async def list_nodes(query: Annotated[NodeQuery, Query()]) -> Response:
        below = BEYOND if query.cursor is None else _position(query.cursor)
        rows = await nodes.list(below, query.limit + 1)
        page = rows[: query.limit]
        following = cursor_at(page[-1]["id"], _WISH) if len(rows) > query.limit else None
        items = [public_node(row) for row in page]
        return success(f"{len(items)} nodes", {"items": items, "nextCursor": following})

    @router.post(
        "/{node}/drain",
        status_code=202,
        summary="Ask a worker to end in good order: it finishes or gives back what it has, leaves, exits",
        responses={202: {"model": NodeReply}, **problems(404, 409)},
    )
    async def drain_node(node: Annotated[UUID, Path(description="The node's id.")]) -> Response:
        asked = await drain.drain(node)
        return success("The worker is asked to drain", public_node(asked), status=202)

    return router


def _position(cursor: str) -> UUID:
    try:
        return position_of(cursor, _WISH)
    except ValueError as error:
        raise Invalid("cursor", str(error)) from None
