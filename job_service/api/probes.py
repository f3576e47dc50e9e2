"""Liveness, readiness, version, and where Swagger users look first."""

from collections.abc import Awaitable, Callable
from importlib.metadata import PackageNotFoundError, version

from fastapi import APIRouter, Request, Response
from fastapi.responses import JSONResponse, RedirectResponse

from job_service.api.problems import problem


def product_version() -> str:
    """The installed version of Punctual."""
    try:
        return version("punctual")
    except PackageNotFoundError:
        return "0+source"


def routes(database_problem: Callable[[], Awaitable[str | None]]) -> APIRouter:
    """The router."""
    router = APIRouter(tags=["probes"])

    @router.get("/livez", summary="The process goes round")
    async def livez() -> Response:
        return JSONResponse({"status": "ok"})

    @router.get("/readyz", summary="Requests can be answered; else 503 names what is away")
    async def readyz(request: Request) -> Response:
        wrong = await database_problem()
        if wrong is not None:
            return problem(
                request, status=503, slug="unavailable", title="Not ready", message=wrong
            )
        return JSONResponse({"status": "ok"})

    @router.get("/version", summary="Version of Punctual")
    async def get_version() -> Response:
        return JSONResponse({"name": "job_service", "version": product_version()})

    @router.get("/swagger-ui.html", include_in_schema=False)
    async def swagger() -> Response:
        return RedirectResponse("/docs")

    return router
