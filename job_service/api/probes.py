"""Liveness, readiness, version, metrics."""

from collections.abc import Awaitable, Callable
from importlib.metadata import PackageNotFoundError, version

from fastapi import APIRouter, Request, Response
from fastapi.responses import PlainTextResponse

from job_service.api.problems import problem
from job_service.api.replies import success
from shared.api.replies import Done, Version, plain_text, problems
from shared.runtime.metrics import CONTENT_TYPE


def product_version() -> str:
    """The installed version of Punctual."""
    try:
        return version("punctual")
    except PackageNotFoundError:
        return "0+source"


def routes(
    database_problem: Callable[[], Awaitable[str | None]], metrics: Callable[[], Awaitable[bytes]]
) -> APIRouter:
    """The router."""
    router = APIRouter(tags=["probes"])

    @router.get("/livez", summary="The process goes round", responses={200: {"model": Done}})
    async def livez() -> Response:
        return success("alive", None)

    @router.get(
        "/readyz",
        summary="Requests can be answered; else 503 names what is away",
        responses={200: {"model": Done}, **problems(503)},
    )
    async def readyz(request: Request) -> Response:
        wrong = await database_problem()
        if wrong is not None:
            return problem(
                request, status=503, slug="unavailable", title="Not ready", message=wrong
            )
        return success("ready", None)

    @router.get("/version", summary="Version of Punctual", responses={200: {"model": Version}})
    async def get_version() -> Response:
        release = product_version()
        return success(release, {"service": "job_service", "version": release})

    @router.get(
        "/metrics",
        summary="Metrics in Prometheus' text form",
        response_class=PlainTextResponse,
        responses=plain_text("Every series of this process."),
    )
    async def get_metrics() -> Response:
        return Response(await metrics(), media_type=CONTENT_TYPE)

    return router
