"""Bodies are read by one strict parser: UTF-8 only, no NaN, no lone surrogates, no deep nesting.

Python's own parser takes UTF-16, `NaN` and half characters, and ends a deep body with a RecursionError.
"""

import json
from collections.abc import Callable, Coroutine
from typing import Any

from fastapi import Request, Response
from fastapi.routing import APIRoute
from pydantic_core import from_json


class StrictRequest(Request):
    """A request whose `json()` is strict."""

    async def json(self) -> Any:
        """The body.

        Raises:
            json.JSONDecodeError: it is no JSON, or nested deeper than 200.
        """
        body = await self.body()
        try:
            return from_json(body, allow_inf_nan=False)
        except ValueError as error:
            raise json.JSONDecodeError(str(error), "", 0) from None


class JsonRoute(APIRoute):
    """A route that reads its body so."""

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        """The handler with a strict request."""
        handler = super().get_route_handler()

        async def handle(request: Request) -> Response:
            return await handler(StrictRequest(request.scope, request.receive))

        return handle
