"""The scheduler's HTTP interface."""

from collections.abc import Awaitable, Callable
from typing import Any, Literal

from fastapi import FastAPI, Request, Response
from fastapi.responses import PlainTextResponse
from pydantic import BaseModel

from scheduler_service.api import problems
from scheduler_service.operations.claim_due import NotRegistered
from scheduler_service.operations.scan_now import ScanResult
from shared.api import documents
from shared.api.replies import Done, Version, plain_text
from shared.api.replies import problems as may_answer
from shared.runtime.http_client import CallFailed
from shared.runtime.metrics import CONTENT_TYPE, Metrics


class Counts(BaseModel):
    """What one round did."""

    claimed: int
    published: int


class Scanned(BaseModel):
    """The envelope of a scan."""

    success: Literal[True] = True
    message: str
    data: Counts


def build_app(
    *,
    version: str,
    missing: Callable[[], list[str]],
    scan: Callable[[], Awaitable[ScanResult]],
    metrics: Metrics,
) -> FastAPI:
    """`missing` names what this service waits for; empty when it is ready."""
    app = documents.make_app("Punctual scheduler", version, "One round by hand, and how it is.")
    problems.install(app)

    @app.get("/livez", tags=["health"], responses={200: {"model": Done}})
    async def livez() -> dict[str, Any]:
        """Whether the main loop goes round."""
        return {"success": True, "message": "alive", "data": None}

    @app.get("/readyz", tags=["health"], responses={200: {"model": Done}, **may_answer(503)})
    async def readyz(request: Request) -> Any:
        """Whether jobs are claimed and published."""
        reasons = missing()
        if reasons:
            return problems.unavailable(request, "; ".join(reasons))
        return {"success": True, "message": "ready", "data": None}

    @app.get("/version", tags=["health"], responses={200: {"model": Version}})
    async def version_() -> dict[str, Any]:
        """Which release this is."""
        data = {"service": "scheduler_service", "version": version}
        return {"success": True, "message": version, "data": data}

    @app.post(
        "/api/v1/scheduler/scan",
        tags=["scheduler"],
        response_model=Scanned,
        responses=may_answer(503),
    )
    async def scan_now(request: Request) -> Any:
        """Run one claim-and-publish round now."""
        try:
            result = await scan()
        except (CallFailed, NotRegistered) as error:
            return problems.unavailable(request, f"job_service is away, try again: {error}")
        counts = Counts(claimed=result.claimed, published=result.published)
        text = f"{result.claimed} claimed, {result.published} published"
        return Scanned(message=text, data=counts)

    @app.get(
        "/metrics",
        tags=["health"],
        summary="Metrics in Prometheus' text form",
        response_class=PlainTextResponse,
        responses=plain_text("Every series of this process."),
    )
    async def get_metrics() -> Response:
        return Response(await metrics.render(), media_type=CONTENT_TYPE)

    app.add_middleware(metrics.timed)
    return app
