"""Requests to the whole HTTP application of a service under test, without a socket."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import httpx

from job_service.app import make_app
from tests.support.job_service import Service


@asynccontextmanager
async def asking(service: Service) -> AsyncIterator[httpx.AsyncClient]:
    """A client of that replica."""
    transport = httpx.ASGITransport(app=make_app(service.stores, service.operations))
    async with httpx.AsyncClient(transport=transport, base_url="http://job") as http:
        yield http


async def data_of(http: httpx.AsyncClient, path: str, **query: Any) -> Any:
    """The data of a good reply."""
    reply = await http.get(path, params=query)
    assert reply.status_code == 200, reply.text
    body = reply.json()
    assert body["success"] is True
    return body["data"]


async def all_items(http: httpx.AsyncClient, path: str, **query: Any) -> list[Any]:
    """The items of every page of a list."""
    found: list[Any] = []
    cursor: str | None = None
    while True:
        at = {} if cursor is None else {"cursor": cursor}
        page = await data_of(http, path, **query, **at)
        found += page["items"]
        cursor = page["nextCursor"]
        if cursor is None:
            return found
