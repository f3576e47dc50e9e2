"""docs/api is what the code says, in the form that its standards ask for."""

import gzip
import json
from pathlib import Path
from typing import Any

import jsonschema_rs
import pytest
from openapi_spec_validator import validate

from tests.support.api_docs import FOLDER, asyncapi, documents, parsed

ASYNCAPI_SCHEMA = Path(__file__).parent.parent / "support" / "asyncapi-3.0.0.schema.json.gz"
"""The official one, of @asyncapi/specs."""
OPENAPI = ("job_service", "job_service-internal", "scheduler_service", "worker_service")
NO_BODY = {"204", "304"}


@pytest.fixture(scope="module")
def made() -> dict[str, str]:
    return documents()


def test_docs_are_what_the_code_says(made: dict[str, str]) -> None:
    committed = {file.name: file.read_text() for file in FOLDER.iterdir()}
    assert committed == made, "python -m tests.support.api_docs --write"


@pytest.mark.parametrize("name", OPENAPI)
def test_openapi_is_valid(made: dict[str, str], name: str) -> None:
    validate(parsed(made[f"openapi-{name}.json"]))


def test_asyncapi_is_valid(made: dict[str, str]) -> None:
    schema = json.loads(gzip.decompress(ASYNCAPI_SCHEMA.read_bytes()))
    errors = jsonschema_rs.Draft7Validator(schema).iter_errors(parsed(made["asyncapi.yaml"]))
    assert [f"{list(e.instance_path)}: {e.message[:200]}" for e in errors] == []


def test_examples_of_asyncapi_fit_their_schemas() -> None:
    components = asyncapi()["components"]
    for message in components["messages"].values():
        (example,) = message["examples"]
        schema = {**message["payload"], "components": components}
        jsonschema_rs.validate(schema, example["payload"])
        jsonschema_rs.validate(message["headers"], example["headers"])


@pytest.mark.parametrize("name", OPENAPI)
def test_every_reply_has_a_form(made: dict[str, str], name: str) -> None:
    """Schemathesis can only compare replies with what is written here."""
    formless = []
    for path, of_path in parsed(made[f"openapi-{name}.json"])["paths"].items():
        for method, operation in of_path.items():
            for status, response in operation["responses"].items():
                schemas = [media.get("schema") for media in response.get("content", {}).values()]
                if status not in NO_BODY and not (schemas and all(schemas)):
                    formless.append(f"{method} {path} {status}")
    assert formless == []


@pytest.mark.parametrize("name", [name for name in OPENAPI if not name.endswith("internal")])
def test_what_is_internal_is_not_public(made: dict[str, str], name: str) -> None:
    document = parsed(made[f"openapi-{name}.json"])
    assert [path for path in document["paths"] if path.startswith("/internal")] == []
    assert document["paths"]


def test_what_the_contract_promises_of_headers(made: dict[str, str]) -> None:
    """Every job reply carries its version, a creation its place, an overload when to come again."""
    paths = parsed(made["openapi-job_service.json"])["paths"]
    for of_path in paths.values():
        for operation in of_path.values():
            for status, response in operation["responses"].items():
                headers = set(response.get("headers", {}))
                if _schema(response) == "#/components/schemas/JobReply":
                    assert "ETag" in headers
                    assert status != "201" or "Location" in headers
                if status in {"429", "503"}:
                    assert "Retry-After" in headers


def _schema(response: dict[str, Any]) -> str | None:
    media = response.get("content", {}).get("application/json", {})
    ref: str | None = media.get("schema", {}).get("$ref")
    return ref
