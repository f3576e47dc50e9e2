"""Whether the process lives, whether it can work, and which version it is."""

from collections.abc import Awaitable, Callable
from typing import Any

from fastapi import APIRouter, Request, Response
from fastapi.responses import PlainTextResponse

from shared.api.replies import Done, Version, plain_text, problems
from shared.runtime.metrics import CONTENT_TYPE
from worker_service.api.envelope import problem, success

Away = Callable[[], list[str]]
"""What this worker needs and has not, in words; empty when it is ready."""


def routes(away: Away, version: str, metrics: Callable[[], Awaitable[bytes]]) -> APIRouter:
    """Liveness, readiness, version, metrics."""
    router = APIRouter(tags=["health"])

    @router.get("/livez", summary="The process lives", responses={200: {"model": Done}})
    async def livez() -> Any:
        return success(None, "alive")

    @router.get(
        "/readyz",
        summary="Everything that it needs is there",
        responses={200: {"model": Done}, **problems(503)},
    )
    async def readyz(request: Request) -> Any:
        missing = away()
        if not missing:
            return success(None, "ready")
        return problem(
            request,
            503,
            "unavailable",
            "Wait; not there: " + "; ".join(missing),
            headers={"Retry-After": "1"},
            away=missing,
        )

    @router.get("/version", summary="Which version runs", responses={200: {"model": Version}})
    async def which_version() -> Any:
        return success({"service": "worker_service", "version": version}, version)

    @router.get(
        "/metrics",
        summary="Metrics in Prometheus' text form",
        response_class=PlainTextResponse,
        responses=plain_text("Every series of this process."),
    )
    async def get_metrics() -> Response:
        return Response(await metrics(), media_type=CONTENT_TYPE)

    return router
