"""Errors as `application/problem+json` (contract.md section 1)."""

from collections.abc import Mapping
from http import HTTPStatus

from fastapi import FastAPI, Request
from fastapi.responses import JSONResponse
from starlette.exceptions import HTTPException

from shared.api.replies import told_of

RETRY_AFTER_SECONDS = 1


def problem(
    request: Request,
    status: int,
    slug: str,
    message: str,
    headers: Mapping[str, str] | None = None,
) -> JSONResponse:
    """One problem; `message` says what to do, in one sentence."""
    return JSONResponse(
        {
            "success": False,
            "message": message,
            "type": f"/problems/{slug}",
            "title": HTTPStatus(status).phrase,
            "status": status,
            "detail": message,
            "instance": request.url.path,
        },
        status_code=status,
        headers=headers,
        media_type="application/problem+json",
    )


def unavailable(request: Request, message: str) -> JSONResponse:
    """503: something that this service needs is away."""
    headers = {"Retry-After": str(RETRY_AFTER_SECONDS)}
    return problem(request, 503, "unavailable", message, headers)


def install(app: FastAPI) -> None:
    """Answer unknown paths and methods as problems, too."""

    @app.exception_handler(HTTPException)
    async def http_error(request: Request, error: HTTPException) -> JSONResponse:
        slug, message = told_of(request.method, error.status_code, str(error.detail))
        return problem(request, error.status_code, slug, message, error.headers)
