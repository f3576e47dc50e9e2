"""Every error as RFC 9457 problem+json, with a sentence that says what to do (contract.md section 1)."""

import json
from collections.abc import Awaitable, Callable, Mapping
from typing import Any

from fastapi import APIRouter, FastAPI, Request, Response
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse, PlainTextResponse
from starlette.exceptions import HTTPException
from starlette.routing import Match
from starlette.types import Scope, Send

from job_service.api.documented import problems
from job_service.api.problem_texts import PROBLEMS, as_text
from job_service.operations.outcomes import DatabaseError, Definite, Overloaded, refused_value
from job_service.operations.problems import KeyInFlight, NotFound, Problem
from shared.api.replies import told_of
from shared.runtime.log import get

RETRY_AFTER_SECONDS = 1
MAX_ERRORS = 50
"""Errors of validation that one answer lists."""

_METHODS = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE")

MEDIA_TYPE = "application/problem+json"
HTTP_SLUGS = {
    404: "not-found",
    405: "method-not-allowed",
    413: "too-large",
    415: "unsupported-media",
}
"""Of errors that the framework finds; any other is `http`."""


def problem_body(
    instance: str, *, status: int, slug: str, title: str, message: str, **facts: Any
) -> dict[str, Any]:
    """The members of a problem."""
    return {
        "success": False,
        "message": message,
        "type": f"/problems/{slug}",
        "title": title,
        "status": status,
        "detail": message,
        "instance": instance,
        **facts,
    }


def body_of(error: Problem, instance: str) -> dict[str, Any]:
    """A known problem's members."""
    return problem_body(
        instance,
        status=error.status,
        slug=error.slug,
        title=error.title,
        message=str(error),
        **error.facts,
    )


def problem(
    request: Request, *, status: int, slug: str, title: str, message: str, **facts: Any
) -> JSONResponse:
    """A problem reply."""
    body = problem_body(
        request.url.path, status=status, slug=slug, title=title, message=message, **facts
    )
    return JSONResponse(
        body, status_code=status, headers=_retry_after(status), media_type=MEDIA_TYPE
    )


async def refuse(
    scope: Scope,
    send: Send,
    *,
    status: int,
    slug: str,
    title: str,
    message: str,
    close: bool = False,
    finish: bool = True,
) -> None:
    """A problem reply of a middleware, which has no request yet. `close`: the connection cannot be used any
    more. `finish=False` leaves the end of the reply to the caller."""
    body = problem_body(scope["path"], status=status, slug=slug, title=title, message=message)
    encoded = json.dumps(body).encode()
    headers = {
        "content-type": MEDIA_TYPE,
        "content-length": str(len(encoded)),
        **_retry_after(status),
        **({"connection": "close"} if close else {}),
    }
    raw = [(name.lower().encode(), value.encode()) for name, value in headers.items()]
    await send({"type": "http.response.start", "status": status, "headers": raw})
    await send({"type": "http.response.body", "body": encoded, "more_body": not finish})


def _retry_after(status: int) -> dict[str, str]:
    return {"Retry-After": str(RETRY_AFTER_SECONDS)} if status in {429, 503} else {}


async def _known(request: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, Problem)
    headers = _retry_after(429 if isinstance(error, KeyInFlight) else error.status)
    return JSONResponse(
        body_of(error, request.url.path),
        status_code=error.status,
        headers=headers,
        media_type=MEDIA_TYPE,
    )


def invalid_parts(errors: list[Any]) -> tuple[str, list[dict[str, Any]]]:
    """One sentence, and the list of errors, from what pydantic found."""
    listed = [
        {"loc": [str(part) for part in e["loc"] if part != "body"], "msg": _told(e)}
        for e in errors[:MAX_ERRORS]
    ]
    first = listed[0] if listed else {"loc": [], "msg": "the body is missing"}
    return f"{'.'.join(first['loc']) or 'body'}: {first['msg']}", listed


def _told(error: Mapping[str, Any]) -> str:
    if error["type"] == "json_invalid":
        return f"no JSON: {error.get('ctx', {}).get('error', error['msg'])}"
    if error["type"] in {"model_type", "model_attributes_type", "dict_type"}:
        return "it should be a JSON object"
    if error["type"] in {"too_long", "too_short"} and isinstance(error.get("input"), str):
        # Of texts that are checked before they are measured it says "items".
        bounds = error["ctx"]
        most = bounds.get("max_length")
        return (
            f"at most {most} characters" if most else f"at least {bounds['min_length']} character"
        )
    return str(error["msg"]).removeprefix("Value error, ")


async def _invalid(request: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, RequestValidationError)
    found = list(error.errors())
    malformed = any(e["type"] == "json_invalid" for e in found)
    if malformed:
        found = [{**e, "loc": ()} for e in found if e["type"] == "json_invalid"]
    message, errors = invalid_parts(found)
    return problem(
        request,
        status=400 if malformed else 422,
        slug="validation",
        title="Malformed JSON" if malformed else "The request does not fit",
        message=message,
        errors=errors,
    )


async def _http(request: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, HTTPException)
    _, message = told_of(request.method, error.status_code, str(error.detail))
    reply = problem(
        request,
        status=error.status_code,
        slug=HTTP_SLUGS.get(error.status_code, "http"),
        title=str(error.detail),
        message=message,
    )
    if error.status_code == 405:
        named = (error.headers or {}).get("Allow", "")
        reply.headers["Allow"] = ", ".join(_methods(request)) or named
    return reply


def _methods(request: Request) -> list[str]:
    """All that the path is served for; the framework names those of one route only."""
    routes = request.app.router.routes
    return [
        method
        for method in _METHODS
        if any(r.matches({**request.scope, "method": method})[0] is Match.FULL for r in routes)
    ]


async def _database(request: Request, error: Exception) -> JSONResponse:
    if isinstance(error, Overloaded):
        return problem(
            request,
            status=429,
            slug="overloaded",
            title="Too many requests at once",
            message="Too many requests wait for the database; repeat this one after Retry-After seconds.",
        )
    if isinstance(error, Definite):
        refused = refused_value(error)
        if refused is None:
            return await _unexpected(request, error)
        get(__name__).warning("refused by the database", error=str(error), path=request.url.path)
        return await _known(request, refused)
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


_REPLIES: tuple[
    tuple[type[Exception], Callable[[Request, Exception], Awaitable[Response]]], ...
] = (
    (Problem, _known),
    (RequestValidationError, _invalid),
    (HTTPException, _http),
    (DatabaseError, _database),
    (Exception, _unexpected),
)
"""What is said of which error; the first that fits."""


def install(app: FastAPI) -> None:
    """Make every error of the application a problem."""
    for kind, reply in _REPLIES:
        app.add_exception_handler(kind, reply)
    app.include_router(_texts())


async def reply_to(request: Request, error: Exception) -> Response:
    """The same for an error outside of the framework's layer."""
    reply = next(reply for kind, reply in _REPLIES if isinstance(error, kind))
    return await reply(request, error)


def _texts() -> APIRouter:
    router = APIRouter(prefix="/problems", tags=["problems"])

    @router.get(
        "/{slug}",
        response_class=PlainTextResponse,
        summary="What a problem means",
        responses=problems(404),
    )
    async def get_problem(slug: str) -> PlainTextResponse:
        text = PROBLEMS.get(slug)
        if text is None:
            raise NotFound("problem", slug)
        return PlainTextResponse(as_text(text))

    return router
