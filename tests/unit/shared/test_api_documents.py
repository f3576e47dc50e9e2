"""Swagger UI and the documents of an application, without any other host."""

import re

import httpx
import pytest
from fastapi import FastAPI

from shared.api.documents import ASSETS, INTERNAL_DOCUMENT, make_app
from shared.api.replies import Done, problems


@pytest.fixture
def app() -> FastAPI:
    app = make_app("A service", "1", "It does things.")

    @app.post("/api/v1/things/{number}", responses={200: {"model": Done}, **problems(404, 503)})
    async def do(number: int) -> None:
        """Do it."""

    @app.post("/internal/v1/things", responses={200: {"model": Done}})
    async def do_inside() -> None:
        """Do it for another service."""

    return app


@pytest.fixture
def http(app: FastAPI) -> httpx.AsyncClient:
    return httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://test")


@pytest.mark.parametrize("path", ["/docs", "/swagger-ui.html"])
async def test_swagger_ui_loads_from_here_alone(http: httpx.AsyncClient, path: str) -> None:
    page = await http.get(path)
    assert page.status_code == 200
    assert "//" not in re.sub(r"<!--.*?-->|(?m:^\s*//.*$)", "", page.text)
    wanted = re.findall(r'(?:src|href)="([^"]+)"', page.text)
    assert len(wanted) == 3
    for asset in wanted:
        assert asset.startswith(ASSETS)
        assert (await http.get(asset)).status_code == 200


async def test_internal_calls_have_a_document_of_their_own(http: httpx.AsyncClient) -> None:
    public = (await http.get("/openapi.json")).json()
    internal = (await http.get(INTERNAL_DOCUMENT)).json()
    assert list(public["paths"]) == ["/api/v1/things/{number}"]
    assert list(internal["paths"]) == ["/internal/v1/things"]
    assert list(internal["components"]["schemas"]) == ["Done"]


async def test_every_refusal_is_a_problem(http: httpx.AsyncClient) -> None:
    document = (await http.get("/openapi.json")).json()
    responses = document["paths"]["/api/v1/things/{number}"]["post"]["responses"]
    assert set(responses) == {"200", "404", "422", "503"}
    for status in ("404", "422", "503"):
        assert list(responses[status]["content"]) == ["application/problem+json"]
        assert ("Retry-After" in responses[status].get("headers", {})) is (status == "503")
    assert set(document["components"]["schemas"]) == {"Done", "Problem"}
