"""Internal routes: what schedulers and workers call, in batches, each idempotent. Not for clients.

Bodies are validated from bytes by the contract's models; replies are their JSON.
"""

from collections.abc import Sequence
from typing import Annotated, Any, Protocol
from uuid import UUID

from fastapi import APIRouter, Query, Response
from fastapi.responses import JSONResponse

from job_service.api.documented import ExecutionPageReply, ExecutionReply, problems
from job_service.api.models import public_execution
from job_service.operations.claim_due import ClaimDue
from job_service.operations.keep_sessions import KeepSessions
from job_service.operations.lease_attempts import LeaseAttempts
from job_service.operations.problems import NotFound
from job_service.operations.release_attempts import ReleaseAttempts
from job_service.operations.report_attempts import ReportAttempts
from job_service.operations.wait_for_cancels import WaitForCancels
from shared.contracts.base import Message
from shared.contracts.claims import ClaimReply, ClaimRequest
from shared.contracts.leases import LeaseReply, LeaseRequest, ReleaseReply, ReleaseRequest
from shared.contracts.nodes import (
    AskCancels,
    Cancels,
    Compare,
    Holdings,
    Leave,
    Left,
    Registered,
    RegisterNode,
    Renew,
    Renewed,
)
from shared.contracts.progress import AttemptTells, TellProgress, Told
from shared.contracts.reports import ParkReply, ParkRequest, ReportReply, ReportRequest

MAX_PAGE = 200
NEWEST = UUID(int=(1 << 128) - 1)
"""Above every id: a page from here is the first."""


class ParkStore(Protocol):
    """Keeps records that are no dispatch."""

    async def park(self, records: Any) -> int: ...


class ProgressStore(Protocol):
    """Keeps what handlers tell while they run."""

    async def tell(self, node: UUID, told: Sequence[AttemptTells]) -> int: ...


class ReadExecution(Protocol):
    """Reads one execution."""

    async def execution(self, execution_id: UUID) -> Any: ...
    async def executions_before(self, execution_id: UUID, limit: int) -> list[Any]: ...


def said(message: Message) -> Response:
    """A message as a reply."""
    return Response(message.model_dump_json(by_alias=True), media_type="application/json")


def session_routes(sessions: KeepSessions, cancels: WaitForCancels) -> APIRouter:
    """Register, renew, compare, cancels, leave."""
    router = APIRouter(prefix="/internal/v1/nodes", tags=["internal"])

    @router.post("", response_model=Registered)
    async def register(body: RegisterNode) -> Response:
        return said(await sessions.register(body))

    @router.post("/{node}/renew", response_model=Renewed)
    async def renew(node: UUID, body: Renew) -> Response:
        return said(await sessions.renew(node, body))

    @router.post("/{node}/compare", response_model=Holdings)
    async def compare(node: UUID, body: Compare) -> Response:
        return said(await sessions.compare(node))

    @router.post("/{node}/cancels", response_model=Cancels)
    async def ask_cancels(node: UUID, body: AskCancels) -> Response:
        return said(await cancels.ask(node, body))

    @router.post("/{node}/leave", response_model=Left)
    async def leave(node: UUID, body: Leave) -> Response:
        return said(await sessions.leave(node))

    return router


def attempt_routes(
    claims: ClaimDue,
    leases: LeaseAttempts,
    releases: ReleaseAttempts,
    reports: ReportAttempts,
    parked: ParkStore,
    progress: ProgressStore,
    read: ReadExecution,
) -> APIRouter:
    """Claims, leases, releases, reports, progress, parked records."""
    router = APIRouter(prefix="/internal/v1", tags=["internal"])

    @router.post("/claims", response_model=ClaimReply)
    async def claim(body: ClaimRequest) -> Response:
        return said(await claims.claim(body))

    @router.post("/leases", response_model=LeaseReply)
    async def lease(body: LeaseRequest) -> Response:
        return said(await leases.lease(body))

    @router.post("/releases", response_model=ReleaseReply)
    async def release(body: ReleaseRequest) -> Response:
        return said(await releases.release(body))

    @router.post("/reports", response_model=ReportReply)
    async def report(body: ReportRequest) -> Response:
        return said(await reports.report(body))

    @router.post("/progress", response_model=Told)
    async def tell(body: TellProgress) -> Response:
        return said(Told(kept=await progress.tell(body.node, body.attempts)))

    @router.post("/parked", response_model=ParkReply)
    async def park(body: ParkRequest) -> Response:
        return said(ParkReply(parked=await parked.park(body.records)))

    @router.get("/executions", responses={200: {"model": ExecutionPageReply}})
    async def executions(
        limit: Annotated[int, Query(ge=1, le=MAX_PAGE)] = 50, cursor: UUID = NEWEST
    ) -> Response:
        rows = await read.executions_before(cursor, limit + 1)
        page = [public_execution(row) for row in rows[:limit]]
        following = page[-1]["executionId"] if len(rows) > limit else None
        data = {"items": page, "nextCursor": following}
        return JSONResponse({"success": True, "message": "Executions", "data": data})

    @router.get(
        "/executions/{execution_id}",
        responses={200: {"model": ExecutionReply}, **problems(404)},
    )
    async def execution(execution_id: UUID) -> Response:
        row = await read.execution(execution_id)
        if row is None:
            raise NotFound("execution", execution_id)
        data = public_execution(row)
        return JSONResponse({"success": True, "message": "Execution", "data": data})

    return router
