"""Whether the process lives, whether it can work, and which version it is."""

from collections.abc import Callable
from typing import Any

from fastapi import APIRouter, Request

from worker_service.api.envelope import problem, success

Away = Callable[[], list[str]]
"""What this worker needs and has not, in words; empty when it is ready."""


def routes(away: Away, version: str) -> APIRouter:
    """Liveness, readiness, version."""
    router = APIRouter(tags=["health"])

    @router.get("/livez", summary="The process lives")
    async def livez() -> Any:
        return success(None, "alive")

    @router.get("/readyz", summary="Everything that it needs is there")
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

    @router.get("/version", summary="Which version runs")
    async def which_version() -> Any:
        return success({"service": "worker_service", "version": version}, version)

    return router
