"""The scheduler's HTTP interface."""

from collections.abc import Awaitable, Callable
from typing import Any

from fastapi import FastAPI, Request, Response
from fastapi.openapi.docs import get_swagger_ui_html
from pydantic import BaseModel

from scheduler_service.api import problems
from scheduler_service.operations.claim_due import NotRegistered
from scheduler_service.operations.scan_now import ScanResult
from shared.runtime.http_client import CallFailed


class Counts(BaseModel):
    """What one round did."""

    claimed: int
    published: int


class Scanned(BaseModel):
    """The envelope of a scan."""

    success: bool = True
    message: str
    data: Counts


def build_app(
    *,
    version: str,
    missing: Callable[[], list[str]],
    scan: Callable[[], Awaitable[ScanResult]],
) -> FastAPI:
    """`missing` names what this service waits for; empty when it is ready."""
    app = FastAPI(title="Punctual scheduler", version=version)
    problems.install(app)

    @app.get("/livez", tags=["health"])
    async def livez() -> dict[str, Any]:
        """Whether the main loop goes round."""
        return {"success": True, "message": "alive", "data": None}

    @app.get("/readyz", tags=["health"], responses={503: {"description": "what is away"}})
    async def readyz(request: Request) -> Any:
        """Whether jobs are claimed and published."""
        reasons = missing()
        if reasons:
            return problems.unavailable(request, "; ".join(reasons))
        return {"success": True, "message": "ready", "data": None}

    @app.get("/version", tags=["health"])
    async def version_() -> dict[str, Any]:
        """Which release this is."""
        data = {"service": "scheduler_service", "version": version}
        return {"success": True, "message": version, "data": data}

    @app.post(
        "/api/v1/scheduler/scan",
        tags=["scheduler"],
        response_model=Scanned,
        responses={503: {"description": "job_service is away"}},
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

    @app.get("/swagger-ui.html", include_in_schema=False)
    async def swagger_ui() -> Response:
        return get_swagger_ui_html(openapi_url="/openapi.json", title="Punctual scheduler")

    return app
