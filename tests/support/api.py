"""The public API of one job_service in a test, without a socket, and what every answer of it must be."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import httpx

from job_service.api.problem_texts import PROBLEMS
from job_service.app import make_app
from shared.runtime.settings import Limits
from tests.support.job_service import Service

JOBS = "/api/v1/jobs"


@asynccontextmanager
async def calling(
    service: Service, limits: Limits | None = None
) -> AsyncIterator[httpx.AsyncClient]:
    """A client of it. An exception that nobody handles is a 500, as it would be for a real client."""
    app = make_app(service.stores, service.operations, limits)
    transport = httpx.ASGITransport(app=app, raise_app_exceptions=False)
    async with httpx.AsyncClient(transport=transport, base_url="http://job") as http:
        yield http


def a_create(**fields: Any) -> dict[str, Any]:
    """A body that fits, due in an hour unless told otherwise."""
    given = {"name": "a job", "jobType": "DUMMY", "scheduledTime": "2099-01-01T00:00:00Z"}
    return {**given, **fields}


def data_of(response: httpx.Response, status: int = 200) -> Any:
    """The data of a success with that status."""
    assert response.status_code == status, response.text
    body = response.json()
    assert body["success"] is True
    assert isinstance(body["message"], str)
    return body["data"]


def problem_of(response: httpx.Response, status: int, slug: str) -> dict[str, Any]:
    """The problem with that status and slug; everything about it in order."""
    assert response.status_code == status, response.text
    assert response.headers["content-type"] == "application/problem+json"
    body: dict[str, Any] = response.json()
    assert body["type"] == f"/problems/{slug}"
    assert (body["success"], body["status"]) == (False, status)
    assert body["message"] == body["detail"] != ""
    assert status in PROBLEMS[slug].statuses
    assert ("retry-after" in response.headers) == (
        status in {429, 503} or slug == "idempotency-in-flight"
    )
    return body
