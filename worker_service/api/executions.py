"""What ran: here, by this node's log; on every node and of one job, by job_service."""

import json
from collections.abc import Awaitable, Callable
from typing import Annotated, Any, Literal
from uuid import UUID

from fastapi import APIRouter, Query, Request, Response
from pydantic import Field

from shared.api.replies import problems
from shared.contracts.base import Message, PublicTime
from shared.contracts.cursors import MAX_CURSOR_CHARS, cursor_at, position_of
from shared.contracts.progress import Standing
from shared.contracts.way import WayMs
from shared.runtime.http_client import NoAnswer
from worker_service.api.envelope import problem, success
from worker_service.domain.execution_log import Execution, ExecutionLog

Read = Callable[[str], Awaitable[tuple[int, bytes]]]
"""GET a path of job_service: status and body, or `NoAnswer`."""

DEFAULT_PAGE, MAX_PAGE = 50, 200
"""Items of a page."""

_HERE, _EVERYWHERE = b"executions here", b"executions everywhere"
"""What cursors of the two lists are bound to."""


class ExecutionQuery(Message):
    """Which list, where the page begins, and how long it is."""

    every_node: bool = Field(
        default=False, alias="all", description="Those of every node, not of this one only."
    )
    limit: int = Field(default=DEFAULT_PAGE, ge=1, le=MAX_PAGE)
    cursor: str | None = Field(
        default=None,
        min_length=1,
        max_length=MAX_CURSOR_CHARS,
        description="`nextCursor` of the page before.",
    )

    def below(self) -> UUID | None:
        """The page has executions with smaller ids.

        Raises:
            ValueError: the cursor is none of this list.
        """
        wish = _EVERYWHERE if self.every_node else _HERE
        return None if self.cursor is None else position_of(self.cursor, wish)


class ProgressView(Message):
    """How far a handler is: `done` of `total` (null: nobody knows), as of `at`."""

    done: int
    total: int | None
    note: str
    at: PublicTime


class ExecutionView(Message):
    """One attempt's run, as contract.md section 2 has it."""

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
    notes: list[dict[str, str]]
    progress: ProgressView | None


class ExecutionPage(Message):
    """Some of them; `next_cursor` asks for those that follow, None when there are no more."""

    items: list[ExecutionView]
    next_cursor: str | None


class PageReply(Message):
    """The envelope of a page."""

    success: Literal[True]
    message: str
    data: ExecutionPage


class ManyReply(Message):
    """The envelope of all of a job's."""

    success: Literal[True]
    message: str
    data: list[ExecutionView]


class OneReply(Message):
    """The envelope of one."""

    success: Literal[True]
    message: str
    data: ExecutionView


def view(execution: Execution) -> dict[str, Any]:
    """An execution as JSON."""
    return ExecutionView(
        execution_id=execution.execution_id,
        job_id=execution.job_id,
        attempt=execution.attempt,
        node=execution.node,
        status=execution.status,
        leased_at=execution.leased_at,
        started_at=execution.started_at,
        ended_at=execution.ended_at,
        lateness_ms=execution.lateness_ms(),
        way_ms=execution.way_ms(),
        error=execution.error,
        notes=execution.notes,
        progress=None if execution.progress is None else _progress(execution.progress),
    ).model_dump(mode="json", by_alias=True)


def _progress(standing: Standing) -> ProgressView:
    return ProgressView(
        done=standing.done, total=standing.total, note=standing.note, at=standing.at
    )


def routes(log: ExecutionLog, read: Read) -> APIRouter:
    """The three reads of a worker."""
    router = APIRouter(prefix="/api/v1/executions", tags=["executions"])

    async def asked(path: str) -> tuple[int, bytes]:
        try:
            return await read(path)
        except NoAnswer:
            return 503, b""

    @router.get(
        "",
        summary="This node's executions, or every node's, newest first",
        responses={200: {"model": PageReply}, **problems(422, 503)},
    )
    async def list_executions(request: Request, query: Annotated[ExecutionQuery, Query()]) -> Any:
        try:
            below = query.below()
        except ValueError as error:
            errors = [{"loc": ["query", "cursor"], "msg": str(error)}]
            return problem(request, 422, "validation", f"cursor: {error}", errors=errors)
        if query.every_node:
            at = "" if below is None else f"&cursor={below}"
            status, body = await asked(f"/internal/v1/executions?limit={query.limit}{at}")
            return everywhere(body) if status == 200 else away(request)
        return here(log, below, query.limit)

    @router.get(
        "/job/{job_id}",
        summary="A job's executions on every node, oldest first",
        responses={200: {"model": ManyReply}, **problems(404, 422, 503)},
    )
    async def executions_of_job(request: Request, job_id: UUID) -> Any:
        status, body = await asked(f"/api/v1/jobs/{job_id}/executions")
        if status == 200:
            return Response(body, media_type="application/json")
        if status == 404:
            return problem(request, 404, "not-found", f"There is no job {job_id}.")
        known = [view(item) for item in reversed(log.newest_first()) if item.job_id == job_id]
        if known:
            return success(known, "Those on this node; job_service does not answer now")
        return away(request)

    @router.get(
        "/{execution_id}",
        summary="One execution",
        responses={200: {"model": OneReply}, **problems(404, 422, 503)},
    )
    async def one_execution(request: Request, execution_id: UUID) -> Any:
        for item in log.newest_first():
            if item.execution_id == execution_id:
                return success(view(item), "Execution found")
        status, body = await asked(f"/internal/v1/executions/{execution_id}")
        if status == 200:
            return Response(body, media_type="application/json")
        if status == 404:
            return problem(request, 404, "not-found", f"There is no execution {execution_id}.")
        return away(request)

    return router


def here(log: ExecutionLog, below: UUID | None, limit: int) -> dict[str, Any]:
    """A page of this node's. Ids are ordered by the time of the lease."""
    newest = sorted(log.newest_first(), key=lambda item: item.execution_id, reverse=True)
    found = [item for item in newest if below is None or item.execution_id < below]
    page = found[:limit]
    following = cursor_at(page[-1].execution_id, _HERE) if len(found) > limit else None
    data = {"items": [view(item) for item in page], "nextCursor": following}
    return success(data, f"{len(page)} executions of this node")


def everywhere(body: bytes) -> dict[str, Any]:
    """A page of every node's, from the reply of job_service; its cursor is an id."""
    page = json.loads(body)["data"]
    last = page["nextCursor"]
    following = None if last is None else cursor_at(UUID(last), _EVERYWHERE)
    data = {"items": page["items"], "nextCursor": following}
    return success(data, f"{len(page['items'])} executions of every node")


def away(request: Request) -> Response:
    """job_service is needed and does not answer."""
    return problem(
        request,
        503,
        "unavailable",
        "It is not known on this node and job_service does not answer; ask again.",
        headers={"Retry-After": "1"},
    )
