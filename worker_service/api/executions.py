"""What ran here: from this node's log; what it does not know, from job_service."""

from collections.abc import Awaitable, Callable
from typing import Annotated, Any
from uuid import UUID

from fastapi import APIRouter, Query, Request, Response

from shared.contracts.base import Message, PublicTime
from shared.runtime.http_client import NoAnswer
from worker_service.api.envelope import problem, success
from worker_service.domain.execution_log import Execution, ExecutionLog

Read = Callable[[str], Awaitable[tuple[int, bytes]]]
"""GET a path of job_service: status and body, or `NoAnswer`."""

Limit = Annotated[int, Query(ge=1, le=200)]
Cursor = Annotated[UUID | None, Query()]


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
    error: str | None
    notes: list[dict[str, str]]


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
        error=execution.error,
        notes=execution.notes,
    ).model_dump(mode="json", by_alias=True)


def routes(log: ExecutionLog, read: Read) -> APIRouter:
    """The three reads of a worker."""
    router = APIRouter(prefix="/api/v1/executions", tags=["executions"])

    async def passed_on(request: Request, path: str, missing: str) -> Response:
        try:
            status, body = await read(path)
        except NoAnswer:
            status, body = 503, b""
        if status == 200:
            return Response(body, media_type="application/json")
        if status == 404:
            return problem(request, 404, "not-found", missing)
        return problem(
            request,
            503,
            "unavailable",
            "It is not known on this node and job_service does not answer; ask again.",
            headers={"Retry-After": "1"},
        )

    @router.get("", summary="This node's executions, newest first")
    async def list_executions(
        request: Request,
        limit: Limit = 50,
        cursor: Cursor = None,
        every_node: Annotated[bool, Query(alias="all")] = False,
    ) -> Any:
        if every_node:
            more = f"&cursor={cursor}" if cursor else ""
            path = f"/internal/v1/executions?limit={limit}{more}"
            return await passed_on(request, path, "There are no executions.")
        items = log.newest_first()
        if cursor is not None:
            ids = [item.execution_id for item in items]
            items = items[ids.index(cursor) + 1 :] if cursor in ids else []
        page = items[:limit]
        following = str(page[-1].execution_id) if len(items) > limit else None
        data = {"items": [view(item) for item in page], "nextCursor": following}
        return success(data, f"{len(page)} executions of this node")

    @router.get("/job/{job_id}", summary="A job's executions")
    async def executions_of_job(request: Request, job_id: UUID) -> Any:
        here = [view(item) for item in log.newest_first() if item.job_id == job_id]
        if here:
            return success(here, f"{len(here)} executions on this node")
        path = f"/api/v1/jobs/{job_id}/executions"
        return await passed_on(request, path, f"There is no job {job_id}.")

    @router.get("/{execution_id}", summary="One execution")
    async def one_execution(request: Request, execution_id: UUID) -> Any:
        for item in log.newest_first():
            if item.execution_id == execution_id:
                return success(view(item), "Execution found")
        path = f"/internal/v1/executions/{execution_id}"
        return await passed_on(request, path, f"There is no execution {execution_id}.")

    return router
