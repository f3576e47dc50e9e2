"""What a type declares: its payload model as a JSON Schema, and what no payload means."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from pydantic import BaseModel, ConfigDict, Field, RootModel, ValidationError
from pydantic.alias_generators import to_camel

from shared.contracts.nodes import MAX_SCHEMA_BYTES, DeclaredType
from worker_service.discovery import DiscoveryProblem, discover
from worker_service.handler_api import Context, job_type


class Wish(BaseModel):
    model_config = ConfigDict(alias_generator=to_camel, extra="forbid")

    how_long: int = 5


class Needed(BaseModel):
    url: str


class MaybeText(RootModel[str | None]):
    """Takes null itself."""


async def run(payload: Any, context: Context) -> None:
    """Nothing."""


def test_the_schema_is_that_of_the_model() -> None:
    """By the names that a client writes."""
    declared = job_type("WISH", payload=Wish)(run)
    schema: Any = declared.payload_schema
    assert list(schema["properties"]) == ["howLong"]
    assert schema["additionalProperties"] is False


@pytest.mark.parametrize(("model", "expected"), [(Wish, Wish()), (MaybeText, MaybeText(None))])
def test_no_payload_is_null_or_the_defaults(model: type[BaseModel], expected: BaseModel) -> None:
    assert job_type("T", payload=model)(run).read(None) == expected


def test_no_payload_is_too_little_where_a_field_is_needed() -> None:
    """The error names the field."""
    with pytest.raises(ValidationError, match="url"):
        job_type("T", payload=Needed)(run).read(None)


def test_a_payload_is_read_as_json() -> None:
    assert job_type("T", payload=Wish)(run).read({"howLong": 7}) == Wish(howLong=7)
    with pytest.raises(ValidationError):
        job_type("T", payload=Wish)(run).read({"how_long": 7})


class NoJson(BaseModel):
    callback: Callable[[], None]


class Large(BaseModel):
    text: str = Field(description="x" * MAX_SCHEMA_BYTES)


class Nul(BaseModel):
    text: str = Field(default="\0")


@pytest.mark.parametrize("model", [NoJson, Large, Nul])
def test_a_model_that_cannot_be_declared_stops_the_start(model: type[BaseModel]) -> None:
    with pytest.raises(ValueError, match="ODD: the payload model has no JSON Schema"):
        job_type("ODD", payload=model)


def test_a_pattern_against_nul_characters_is_no_nul_character() -> None:
    """A regular expression may write one."""
    schema = {"pattern": "[^\\u0000]"}
    assert DeclaredType(name="T", timeout_seconds=1, payload_schema=schema).payload_schema == schema


def test_a_schema_has_at_most_so_many_bytes() -> None:
    """Bytes, not characters."""
    room = MAX_SCHEMA_BYTES - len(json.dumps({"d": ""}))
    DeclaredType(name="T", timeout_seconds=1, payload_schema={"d": "x" * room})
    for text in ("x" * (room + 1), "é" * (room // 2 + 1)):
        with pytest.raises(ValidationError, match="at most 65536"):
            DeclaredType(name="T", timeout_seconds=1, payload_schema={"d": text})


def test_a_shipped_file_that_is_broken_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The start stops with its name, and without a traceback."""
    from worker_service import handlers

    (tmp_path / "broken_type.py").write_text("1 / 0")
    monkeypatch.setattr(handlers, "__path__", [*handlers.__path__, str(tmp_path)])
    with pytest.raises(DiscoveryProblem, match=r"broken_type: ZeroDivisionError"):
        discover()
