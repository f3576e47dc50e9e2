"""A short way for the routes that are called for every job.

The framework's layer between a request and its endpoint (matching, dependencies, exit stacks) costs more than
what such an endpoint does. Here a request is read by the same models and handed to the same endpoint. Whatever
does not fit goes the long way, so that every refusal is the framework's; and the routes are in the OpenAPI
document like all others.
"""

import inspect
from collections.abc import Awaitable, Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Annotated, Any, get_args, get_origin, get_type_hints

from fastapi import Request, Response, params
from fastapi.routing import APIRoute
from pydantic import TypeAdapter, ValidationError
from pydantic_core import from_json
from starlette.routing import BaseRoute
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from job_service.api.problems import reply_to

HOT = frozenset(
    {
        "/api/v1/jobs",
        "/api/v1/jobs/batch",
        "/internal/v1/claims",
        "/internal/v1/leases",
        "/internal/v1/reports",
        "/internal/v1/events",
    }
)
"""POST to these, without a query."""


class _DoesNotFit(Exception):
    """The framework shall say why."""


@dataclass(frozen=True)
class _Short:
    """How the arguments of an endpoint are read: its body, its headers by their names on the wire, and whether
    it wants the request itself. What else it takes comes by the query and has a default."""

    route: APIRoute
    body: tuple[str, TypeAdapter[Any]]
    headers: Mapping[bytes, tuple[str, TypeAdapter[Any]]]
    request: str | None

    def read(self, scope: Scope, body: bytes) -> dict[str, Any]:
        """The endpoint's arguments.

        Raises:
            _DoesNotFit: they cannot be read from this.
        """
        told: dict[str, Any] = {}
        try:
            name, adapter = self.body
            told[name] = adapter.validate_python(from_json(body, allow_inf_nan=False))
            for key, value in scope["headers"]:
                if key in self.headers:
                    name, adapter = self.headers[key]
                    if name in told:
                        raise _DoesNotFit
                    told[name] = adapter.validate_python(value.decode("latin-1"))
        except (ValidationError, ValueError):
            raise _DoesNotFit from None
        if self.request is not None:
            told[self.request] = Request(scope)
        return told


def _short(route: APIRoute) -> _Short:
    """Raises: TypeError, if the endpoint takes what cannot be read in the short way."""
    body: tuple[str, TypeAdapter[Any]] | None = None
    headers: dict[bytes, tuple[str, TypeAdapter[Any]]] = {}
    request = None
    hints = get_type_hints(route.endpoint, include_extras=True)
    for name, parameter in inspect.signature(route.endpoint).parameters.items():
        hint = hints[name]
        said = get_args(hint)[1:] if get_origin(hint) is Annotated else ()
        header = next((s for s in said if isinstance(s, params.Header)), None)
        if hint is Request:
            request = name
        elif header is not None:
            wire = header.alias or name.replace("_", "-")
            headers[wire.lower().encode()] = (name, TypeAdapter(hint))
        elif parameter.default is inspect.Parameter.empty and body is None:
            body = (name, TypeAdapter(hint))
        elif not any(isinstance(s, params.Query) for s in said):
            raise TypeError(f"{route.path}: {name} cannot be read in the short way")
    if body is None:
        raise TypeError(f"{route.path} has no body")
    return _Short(route, body, headers, request)


class HotRoutes:
    """Stands inside the limits of bodies and admission, before the framework's router."""

    def __init__(self, app: ASGIApp, *, routes: Iterable[BaseRoute]) -> None:
        self._app = app
        posts = [r for r in routes if isinstance(r, APIRoute) and "POST" in (r.methods or ())]
        chosen = [r for r in posts if r.path in HOT]
        self._short = {route.path: _short(route) for route in chosen}
        missing = HOT - self._short.keys()
        if missing:
            raise TypeError(f"these routes are not there: {', '.join(sorted(missing))}")

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        short = self._short.get(scope["path"]) if scope["type"] == "http" else None
        if short is None or scope["method"] != "POST" or scope["query_string"]:
            await self._app(scope, receive, send)
            return
        whole = await receive()
        try:
            arguments = short.read(scope, whole.get("body", b""))
        except _DoesNotFit:
            await self._app(scope, _Again(whole, receive), send)
            return
        scope["route"] = short.route
        response = await _answer(short.route.endpoint, arguments, scope)
        await response(scope, receive, send)


async def _answer(
    endpoint: Callable[..., Awaitable[Response]], arguments: Mapping[str, Any], scope: Scope
) -> Response:
    try:
        return await endpoint(**arguments)
    except Exception as error:
        return await reply_to(Request(scope), error)


class _Again:
    """Hands the body on that was read already."""

    def __init__(self, whole: Message, receive: Receive) -> None:
        self._whole: Message | None = whole
        self._receive = receive

    async def __call__(self) -> Message:
        if self._whole is not None:
            whole, self._whole = self._whole, None
            return whole
        return await self._receive()
