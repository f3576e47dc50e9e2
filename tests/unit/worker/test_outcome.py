"""What a handler returns or raises, as an outcome that a database takes."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from pydantic import BaseModel, ValidationError

from shared.contracts.reports import MAX_ERROR_CHARS, MAX_RESULT_BYTES
from shared.contracts.states import Outcome
from worker_service.domain.outcome import Ended, bad_payload, from_exception, from_value
from worker_service.handler_api import (
    Exponential,
    Fail,
    Fixed,
    Retry,
    RetryPolicy,
    Snooze,
    Steps,
)

NOW = datetime(2026, 11, 22, tzinfo=UTC)
ANY = RetryPolicy()


def raised(error: BaseException, policy: RetryPolicy = ANY, *, failures: int = 0) -> Ended:
    """What it comes to, where the dice always show a half."""
    return from_exception(error, policy, failures=failures, uniform=0.5, now=NOW)


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


def test_each_way_to_fail_has_its_own_reason() -> None:
    ended = raised(Fail("no\0", permanent=True))
    assert (ended.reason, ended.error, ended.retry) == ("failed-for-good", "no\ufffd", False)
    ended = raised(Fail("not now"))
    assert (ended.reason, ended.error, ended.retry) == ("failed", "not now", True)
    assert ended.retry_after_seconds is None
    ended = raised(Retry("busy", after=timedelta(seconds=7)))
    assert (ended.reason, ended.retry, ended.retry_after_seconds) == ("retry-asked", True, 7)
    assert {ended.outcome} == {Outcome.FAILED}


def test_snooze_waits_so_long_or_until_a_moment() -> None:
    ended = raised(Snooze(90))
    assert (ended.outcome, ended.reason) == (Outcome.SNOOZED, "snoozed")
    assert ended.retry_after_seconds == 90
    assert raised(Snooze(until=NOW + timedelta(hours=1))).retry_after_seconds == 3_600
    assert raised(Snooze(until=NOW - timedelta(hours=1))).retry_after_seconds == 0


@pytest.mark.parametrize(
    "wrong",
    [
        lambda: Snooze(),
        lambda: Snooze(1, until=NOW),
        lambda: Snooze(-1),
        lambda: Snooze(1e12),
        lambda: Snooze(until=datetime(2026, 1, 1)),  # noqa: DTZ001 - without a zone is what is meant
        lambda: Retry(after=float("nan")),
    ],
)
def test_a_wait_that_is_none_is_refused_where_it_is_asked_for(wrong: Callable[[], object]) -> None:
    with pytest.raises(ValueError, match=r"Snooze|Retry"):
        wrong()


def test_the_type_says_when_a_failure_is_tried_again() -> None:
    policy = RetryPolicy(
        waits=Steps(1, 10),
        never=(ValueError,),
        waits_after={TimeoutError: Fixed(3), OSError: Exponential(2, 5)},
    )
    assert raised(KeyError("a"), policy).retry_after_seconds == 1
    assert raised(KeyError("a"), policy, failures=7).retry_after_seconds == 10
    assert raised(TimeoutError(), policy, failures=7).retry_after_seconds == 3
    assert raised(OSError(), policy, failures=0).retry_after_seconds == 1.0
    assert raised(OSError(), policy, failures=500).retry_after_seconds == 2.5
    assert raised(UnicodeError(), policy).reason == "failed-for-good"
    assert raised(Retry(after=20), policy).retry_after_seconds == 20
    assert raised(Retry(), policy).retry_after_seconds == 1


@pytest.mark.parametrize(
    "wrong",
    [lambda: Steps(), lambda: Steps(-1), lambda: Fixed(1e9), lambda: Exponential(5, 1)],
)
def test_a_policy_that_cannot_be_is_refused(wrong: Callable[[], object]) -> None:
    with pytest.raises(ValueError, match=r"Steps|Fixed|Exponential"):
        wrong()


def test_other_exceptions_are_failures_with_type_and_text() -> None:
    ended = raised(ZeroDivisionError("x" * 10_000))
    assert ended.error is not None
    assert ended.error.startswith("ZeroDivisionError: xxx")
    assert len(ended.error) == MAX_ERROR_CHARS
    assert ended.retry


def test_an_exception_without_readable_text() -> None:
    class Sulky(Exception):
        def __str__(self) -> str:
            raise ValueError("no")

    assert raised(Sulky()).error == "Sulky: (its text cannot be read)"


def test_a_bad_payload_names_what_does_not_fit() -> None:
    class Payload(BaseModel):
        count: int

    with pytest.raises(ValidationError) as caught:
        Payload.model_validate({"count": "many"})
    ended = bad_payload(caught.value)
    assert not ended.retry
    assert ended.error is not None
    assert "count: " in ended.error
