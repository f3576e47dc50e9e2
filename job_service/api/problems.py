"""Every error as RFC 9457 problem+json, with a sentence that says what to do (contract.md section 1)."""

from typing import Any

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from starlette.exceptions import HTTPException

from job_service.operations.outcomes import DatabaseError, Definite
from job_service.operations.problems import Problem
from shared.runtime.log import get

RETRY_AFTER_SECONDS = 1
_CLIENTS_FAULT = frozenset({"22", "23"})
"""Classes of SQLSTATE that a value of the request can cause: data exceptions, broken constraints."""
_SLUGS = {404: "not-found", 405: "method-not-allowed", 413: "too-large", 415: "unsupported-media"}


def problem(
    request: Request, *, status: int, slug: str, title: str, message: str, **facts: Any
) -> JSONResponse:
    """A problem reply."""
    headers = {"Retry-After": str(RETRY_AFTER_SECONDS)} if status in {429, 503} else None
    return JSONResponse(
        {
            "success": False,
            "message": message,
            "type": f"/problems/{slug}",
            "title": title,
            "status": status,
            "detail": message,
            "instance": request.url.path,
            **facts,
        },
        status_code=status,
        headers=headers,
        media_type="application/problem+json",
    )


async def _known(request: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, Problem)
    return problem(
        request,
        status=error.status,
        slug=error.slug,
        title=error.title,
        message=str(error),
        **error.facts,
    )


async def _invalid(request: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, RequestValidationError)
    errors = [
        {"loc": [str(part) for part in e["loc"] if part != "body"], "msg": str(e["msg"])}
        for e in error.errors()
    ]
    malformed = any(e["type"] == "json_invalid" for e in error.errors())
    first = errors[0] if errors else {"loc": [], "msg": "the body is missing"}
    where = ".".join(first["loc"]) or "body"
    return problem(
        request,
        status=400 if malformed else 422,
        slug="validation",
        title="Malformed JSON" if malformed else "The request does not fit",
        message=f"{where}: {first['msg']}",
        errors=errors,
    )


async def _http(request: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, HTTPException)
    slug = _SLUGS.get(error.status_code, "http")
    return problem(
        request,
        status=error.status_code,
        slug=slug,
        title=str(error.detail),
        message=f"{request.method} {request.url.path}: {error.detail}",
    )


async def _database(request: Request, error: Exception) -> JSONResponse:
    if isinstance(error, Definite) and error.sqlstate[:2] not in _CLIENTS_FAULT:
        return await _unexpected(request, error)
    if isinstance(error, Definite):
        get(__name__).warning("refused by the database", error=str(error), path=request.url.path)
        return problem(
            request,
            status=422,
            slug="validation",
            title="The request does not fit",
            message="The database refused a value of this request; look for NUL characters.",
        )
    get(__name__).warning("database away", error=str(error), path=request.url.path)
    return problem(
        request,
        status=503,
        slug="unavailable",
        title="The database does not answer",
        message="The database does not answer now; repeat the request after Retry-After seconds.",
    )


async def _unexpected(request: Request, error: Exception) -> JSONResponse:
    get(__name__).error("unexpected", error=repr(error)[:500], path=request.url.path)
    return problem(
        request,
        status=500,
        slug="internal",
        title="Internal error",
        message="Something is wrong in the service; its log has the details.",
    )


def install(app: FastAPI) -> None:
    """Make every error of the application a problem."""
    app.add_exception_handler(Problem, _known)
    app.add_exception_handler(RequestValidationError, _invalid)
    app.add_exception_handler(HTTPException, _http)
    app.add_exception_handler(DatabaseError, _database)
    app.add_exception_handler(Exception, _unexpected)
