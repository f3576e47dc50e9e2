"""What a schema says of a payload: where it does not fit, in words that say what to do."""

import json
from typing import Annotated, Any, Literal

import pytest
from pydantic import BaseModel, Field, RootModel

from job_service.domain.payload_schema import (
    MAX_ERRORS,
    MAX_MESSAGE_CHARS,
    NoSchema,
    PayloadSchema,
)


class Step(BaseModel, extra="forbid"):
    seconds: int = Field(ge=0)
    note: str | None = None


class Wait(BaseModel, extra="forbid"):
    kind: Literal["wait"]
    seconds: int = Field(ge=0)


class Call(BaseModel, extra="forbid"):
    kind: Literal["call"]
    url: str


class Plan(BaseModel, extra="forbid"):
    name: str
    steps: list[Step] = Field(default_factory=list)


class Defaults(BaseModel):
    seconds: int = 5


class StepOrText(RootModel[Step | str | None]):
    """As DUMMY has it."""


class Either(RootModel[Annotated[Wait | Call, Field(discriminator="kind")]]):
    """One of two, told apart by a field."""


class Numbers(RootModel[list[int]]):
    """No object."""


def schema_of(model: type[BaseModel]) -> PayloadSchema:
    return PayloadSchema(json.dumps(model.model_json_schema()))


@pytest.mark.parametrize(
    ("model", "payload"),
    [
        (Plan, {"name": "a", "steps": [{"seconds": 1}, {"seconds": 0, "note": None}]}),
        (StepOrText, {"seconds": 1}),
        (StepOrText, "any text"),
        (StepOrText, None),
        (Defaults, None),
        (Defaults, {}),
        (Either, {"kind": "call", "url": "u"}),
        (Numbers, [1, 2]),
    ],
)
def test_what_fits(model: type[BaseModel], payload: Any) -> None:
    assert schema_of(model).errors(None if payload is None else json.dumps(payload)) == []


@pytest.mark.parametrize(
    ("model", "payload", "expected"),
    [
        (Plan, {"steps": []}, [("payload", '"name" is a required property')]),
        (
            Plan,
            {"name": "a", "steps": [{"seconds": 1}, {"seconds": -1}]},
            [("payload.steps.1.seconds", "-1 is less than the minimum of 0")],
        ),
        (
            Plan,
            {"name": 7, "step": []},
            [
                ("payload.name", '7 is not of type "string"'),
                ("payload", "Additional properties are not allowed ('step' was unexpected)"),
            ],
        ),
        (Plan, None, [("payload", '"name" is a required property')]),
        (StepOrText, {"seconds": "x"}, [("payload.seconds", '"x" is not of type "integer"')]),
        (
            StepOrText,
            {"seconds": 1, "note": 5},
            [("payload.note", "must be of type string or null")],
        ),
        (StepOrText, 5, [("payload", "must be of type object or string or null")]),
        (Either, {"kind": "call"}, [("payload", '"url" is a required property')]),
        (Numbers, None, [("payload", 'null is not of type "array"')]),
        (Numbers, [1, "2"], [("payload.1", '"2" is not of type "integer"')]),
    ],
)
def test_what_does_not_fit_is_told_at_its_place(
    model: type[BaseModel], payload: Any, expected: list[tuple[str, str]]
) -> None:
    """Of a choice the errors are those of the form that was most likely meant."""
    told = schema_of(model).errors(None if payload is None else json.dumps(payload))
    found = {(".".join(error.loc), error.msg) for error in told}
    for place, message in expected:
        assert any(where == place and message in said for where, said in found), found
    assert len(found) == len(expected), found


def test_errors_are_bounded_in_number_and_length() -> None:
    numbers = schema_of(Numbers)
    told = numbers.errors(json.dumps(["x" * 1_000] * 100))
    assert len(told) == MAX_ERRORS
    assert all(len(error.msg) <= MAX_MESSAGE_CHARS + 1 for error in told)


@pytest.mark.parametrize("payload", ['"\\ud800"', "[" * 50_000 + "]" * 50_000])
def test_what_cannot_be_read_is_an_error_and_no_crash(payload: str) -> None:
    (error,) = schema_of(Numbers).errors(payload)
    assert error.loc == ("payload",)


@pytest.mark.parametrize(
    "text",
    [
        '{"type": "strnig"}',
        '{"$ref": "http://127.0.0.1:9/schema"}',
        '{"$ref": "#/$defs/none"}',
        '{"pattern": "("}',
        "[]",
        "no JSON",
    ],
)
def test_no_schema(text: str) -> None:
    """An address in it is not called."""
    with pytest.raises(NoSchema):
        PayloadSchema(text)


def test_the_empty_schema_takes_everything() -> None:
    anything = PayloadSchema("{}")
    for payload in (None, "1", '"text"', "[]", "{}", "null"):
        assert anything.errors(payload) == []
