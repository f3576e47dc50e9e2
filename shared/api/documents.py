"""OpenAPI of a service, public and internal apart, and Swagger UI without any other host.

The framework writes the documents from the routes; here they are made true: every refusal is a problem, an
overloaded service says when to come again, and what is under `/internal/` is in a document of its own.
"""

from collections.abc import Callable, Iterator
from copy import deepcopy
from importlib.resources import as_file, files
from typing import Any

from fastapi import FastAPI
from fastapi.openapi.docs import get_swagger_ui_html
from fastapi.openapi.utils import get_openapi
from fastapi.responses import HTMLResponse, JSONResponse
from fastapi.staticfiles import StaticFiles

from shared.api.replies import PROBLEM_MEDIA, PROBLEM_REF, Problem

INTERNAL = "/internal/"
INTERNAL_DOCUMENT = "/internal/v1/openapi.json"
ASSETS = "/docs/assets"
_RETRY_LATER = frozenset({"429", "503"})
_SECONDS = {
    "description": "Seconds to wait before the same request is worth repeating.",
    "required": True,
    "schema": {"type": "integer", "minimum": 0},
}
_FRAMEWORKS_OWN = ("HTTPValidationError", "ValidationError")

Document = dict[str, Any]


def make_app(title: str, version: str, description: str) -> FastAPI:
    """An application with its documents and Swagger UI; routes are added to it."""
    app = FastAPI(
        title=title, version=version, description=description, docs_url=None, redoc_url=None
    )
    app.openapi = _once(lambda: public_document(app))  # type: ignore[method-assign]
    internal = _once(lambda: internal_document(app))

    @app.get(INTERNAL_DOCUMENT, include_in_schema=False)
    async def get_internal_document() -> JSONResponse:
        return JSONResponse(internal())

    @app.get("/docs", include_in_schema=False)
    @app.get("/swagger-ui.html", include_in_schema=False)
    async def swagger_ui() -> HTMLResponse:
        return get_swagger_ui_html(
            openapi_url="/openapi.json",
            title=title,
            swagger_js_url=f"{ASSETS}/swagger-ui-bundle.js",
            swagger_css_url=f"{ASSETS}/swagger-ui.css",
            swagger_favicon_url=f"{ASSETS}/favicon.png",
        )

    with as_file(files("fastapi_offline") / "static") as directory:
        app.mount(ASSETS, StaticFiles(directory=directory), name="assets")
    return app


def public_document(app: FastAPI) -> Document:
    """What clients may rely on."""
    return _document(app, app.title, lambda path: not path.startswith(INTERNAL))


def internal_document(app: FastAPI) -> Document:
    """What the services ask of each other. It may change with each release."""
    title = f"{app.title}, internal"
    return _document(app, title, lambda path: path.startswith(INTERNAL))


def _once(make: Callable[[], Document]) -> Callable[[], Document]:
    made: list[Document] = []

    def document() -> Document:
        if not made:
            made.append(make())
        return made[0]

    return document


def _document(app: FastAPI, title: str, takes: Callable[[str], bool]) -> Document:
    document = get_openapi(
        title=title, version=app.version, description=app.description, routes=app.routes
    )
    document["paths"] = {path: of for path, of in document["paths"].items() if takes(path)}
    for operation in _operations(document):
        for status, response in operation["responses"].items():
            if status >= "400":
                _make_problem(status, response)
    schemas = document.setdefault("components", {}).setdefault("schemas", {})
    for name in _FRAMEWORKS_OWN:
        schemas.pop(name, None)
    schemas["Problem"] = Problem.model_json_schema()
    _keep_used(document)
    return document


def _operations(document: Document) -> Iterator[Document]:
    for of_path in document["paths"].values():
        yield from of_path.values()


def _make_problem(status: str, response: Document) -> None:
    response["content"] = {PROBLEM_MEDIA: {"schema": {"$ref": PROBLEM_REF}}}
    if status in _RETRY_LATER:
        response["headers"] = {**response.get("headers", {}), "Retry-After": deepcopy(_SECONDS)}


def _keep_used(document: Document) -> None:
    """Drop the schemas that nothing in the document leads to."""
    schemas = document["components"]["schemas"]
    used: set[str] = set()
    ahead = list(_refs(document["paths"]))
    while ahead:
        name = ahead.pop()
        if name not in used:
            used.add(name)
            ahead += _refs(schemas[name])
    document["components"]["schemas"] = {name: schemas[name] for name in sorted(used)}


def _refs(node: Any) -> Iterator[str]:
    """Names of the schemas that are referred to from here."""
    if isinstance(node, dict):
        if isinstance(ref := node.get("$ref"), str):
            yield ref.rsplit("/", 1)[1]
        for value in node.values():
            yield from _refs(value)
    elif isinstance(node, list):
        for value in node:
            yield from _refs(value)
