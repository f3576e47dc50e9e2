"""What a handler returns or raises, as an outcome that a database takes."""

from typing import Any

import pytest
from pydantic import BaseModel, ValidationError

from shared.contracts.reports import MAX_ERROR_CHARS, MAX_RESULT_BYTES
from shared.contracts.states import Outcome
from worker_service.domain.outcome import bad_payload, from_exception, from_value
from worker_service.handler_api import Fail, Snooze


@pytest.mark.parametrize("value", [None, 1, "text", [1, {"a": None}], {"ü": 1.5}, (1, 2)])
def test_json_is_a_success(value: Any) -> None:
    ended = from_value(value)
    assert ended.outcome is Outcome.SUCCESS
    assert ended.size > 0


@pytest.mark.parametrize(
    ("value", "text"),
    [
        ({1, 2}, "not JSON"),
        (float("nan"), "not JSON"),
        ("\ud800", "not JSON"),
        ([10**5000], "not JSON"),
        ("x" * MAX_RESULT_BYTES, "65538 bytes"),
        ({"a\0b": 1}, "NUL"),
        (["\0"], "NUL"),
    ],
)
def test_anything_else_fails_for_good(value: Any, text: str) -> None:
    ended = from_value(value)
    assert ended.outcome is Outcome.FAILED
    assert not ended.retry
    assert ended.error is not None
    assert text in ended.error


def test_a_result_that_contains_itself_fails() -> None:
    value: list[Any] = []
    value.append(value)
    assert from_value(value).outcome is Outcome.FAILED
    deep: list[Any] = []
    for _ in range(200):
        deep = [deep]
    assert from_value(deep).outcome is Outcome.FAILED


def test_fail_carries_its_wishes() -> None:
    ended = from_exception(Fail("no\0", retry=False, retry_after_seconds=7))
    assert (ended.outcome, ended.error, ended.retry) == (Outcome.FAILED, "no\ufffd", False)
    assert ended.retry_after_seconds == 7


def test_snooze_waits() -> None:
    ended = from_exception(Snooze(1e12))
    assert ended.outcome is Outcome.SNOOZED
    assert ended.retry_after_seconds == 31_536_000
    assert from_exception(Snooze(-5)).retry_after_seconds == 0


def test_other_exceptions_are_failures_with_type_and_text() -> None:
    ended = from_exception(ZeroDivisionError("x" * 10_000))
    assert ended.error is not None
    assert ended.error.startswith("ZeroDivisionError: xxx")
    assert len(ended.error) == MAX_ERROR_CHARS
    assert ended.retry


def test_an_exception_without_readable_text() -> None:
    class Sulky(Exception):
        def __str__(self) -> str:
            raise ValueError("no")

    assert from_exception(Sulky()).error == "Sulky: (its text cannot be read)"


def test_a_bad_payload_names_what_does_not_fit() -> None:
    class Payload(BaseModel):
        count: int

    with pytest.raises(ValidationError) as caught:
        Payload.model_validate({"count": "many"})
    ended = bad_payload(caught.value)
    assert not ended.retry
    assert ended.error is not None
    assert "count: " in ended.error
