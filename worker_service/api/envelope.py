"""The forms of replies: the success envelope and RFC 9457 problems (contract.md section 1)."""

from collections.abc import Mapping
from typing import Any

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from starlette.exceptions import HTTPException

from shared.api.replies import told_of


def success(data: Any, message: str) -> dict[str, Any]:
    """A good reply."""
    return {"success": True, "message": message, "data": data}


def problem(
    request: Request,
    status: int,
    slug: str,
    message: str,
    *,
    headers: Mapping[str, str] | None = None,
    **more: Any,
) -> JSONResponse:
    """A refusal. `message` says what to do, in one sentence."""
    body = {
        "success": False,
        "message": message,
        "type": f"/problems/{slug}",
        "title": slug.replace("-", " "),
        "status": status,
        "detail": message,
        "instance": request.url.path,
        **more,
    }
    return JSONResponse(body, status, headers, media_type="application/problem+json")


def install(app: FastAPI) -> None:
    """Make the framework's own refusals problems too."""

    @app.exception_handler(RequestValidationError)
    async def invalid(request: Request, error: RequestValidationError) -> JSONResponse:
        errors = [
            {"loc": [str(part) for part in item["loc"]], "msg": item["msg"]}
            for item in error.errors()
        ]
        first = errors[0]
        message = f"{'.'.join(first['loc'])}: {first['msg']}"
        return problem(request, 422, "validation", message, errors=errors)

    @app.exception_handler(HTTPException)
    async def refused(request: Request, error: HTTPException) -> JSONResponse:
        slug, message = told_of(request.method, error.status_code, str(error.detail))
        return problem(request, error.status_code, slug, message, headers=error.headers)
