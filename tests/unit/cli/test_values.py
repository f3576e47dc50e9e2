"""What a person writes is read, or refused with what to write instead."""

import io
import json
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import pytest

from punctual.cli import values
from punctual.cli.problems import BadInput

NOW = datetime(2026, 11, 21, 10, 0, 0, 123_456, tzinfo=UTC)


@pytest.mark.parametrize(
    ("text", "seconds"),
    [("250ms", 0.25), ("10s", 10), ("1.5m", 90), ("2h", 7_200), ("30d", 2_592_000), ("7", 7)],
)
def test_a_duration_has_a_unit_or_is_in_seconds(text: str, seconds: float) -> None:
    assert values.duration(text) == seconds


@pytest.mark.parametrize("text", ["", "soon", "-1s", "1 0s", "10 years", "1e3", "nan", "inf"])
def test_what_is_no_duration_is_refused(text: str) -> None:
    _refused(values.duration, text, "write 15s")


@pytest.mark.parametrize(
    ("text", "utc"),
    [
        ("2026-11-21T10:00:00Z", "2026-11-21T10:00:00.000Z"),
        ("2026-11-21T11:00:00+01:00", "2026-11-21T10:00:00.000Z"),
        ("2026-11-21T10:00:00", "2026-11-21T10:00:00.000Z"),
        (" 2026-11-21 10:00 ", "2026-11-21T10:00:00.000Z"),
        ("2026-11-21T10:00:00.25-00:30", "2026-11-21T10:30:00.250Z"),
    ],
)
def test_a_time_without_zone_is_utc(text: str, utc: str) -> None:
    assert values.moment(text) == utc


@pytest.mark.parametrize(
    "text",
    ["", "2026-11-21", "tomorrow", "2026-02-30T10:00:00Z", "0001-01-01T00:00:00+14:00", "10:00"],
)
def test_what_is_no_time_is_refused(text: str) -> None:
    _refused(values.moment, text, "write")


def test_a_job_is_due_now_at_a_time_or_after_a_while() -> None:
    assert values.due_time(None, None, NOW) is None
    assert values.due_time("2026-11-21T12:00:00Z", None, NOW) == "2026-11-21T12:00:00.000Z"
    assert values.due_time(None, "10s", NOW) == "2026-11-21T10:00:10.123Z"


def test_two_times_are_refused_and_so_is_one_beyond_the_calendar() -> None:
    _refused(lambda at: values.due_time(at, "1s", NOW), "2026-11-21T12:00:00Z", "one of them")
    _refused(lambda after: values.due_time(None, after, NOW), "99999999d", "too far")
    _refused(lambda after: values.due_time(None, after, NOW), "9" * 400, "too far")


def test_labels_are_pairs_and_a_value_may_hold_an_equals_sign() -> None:
    assert values.labels(["team=a", "expr=x=1"]) == {"team": "a", "expr": "x=1"}
    assert values.labels([]) == {}


@pytest.mark.parametrize("pairs", [["team"], ["=a"], ["team="], ["a=1", "a=2"]])
def test_other_labels_are_refused(pairs: list[str]) -> None:
    with pytest.raises(BadInput):
        values.labels(pairs)


@pytest.mark.parametrize("text", ['{"a": [1, null]}', '"text"', "3", "-5", "true", "null", "[]"])
def test_a_payload_is_any_json(text: str) -> None:
    assert values.payload(text, io.StringIO()) == json.loads(text)


def test_a_payload_can_come_from_standard_input() -> None:
    assert values.payload("-", io.StringIO('{"a": 1}')) == {"a": 1}
    assert values.payload(None, io.StringIO('{"a": 1}')) is None


@pytest.mark.parametrize(
    "text", ["", "{", "hello", "NaN", "-Infinity", "[" * 100_000, "9" * 5_000, "@/no/such/file"]
)
def test_a_payload_that_is_no_json_is_refused(text: str) -> None:
    with pytest.raises(BadInput):
        values.payload(text, io.StringIO())


def test_a_word_as_payload_is_told_that_it_needs_quotes() -> None:
    _refused(lambda text: values.payload(text, io.StringIO()), "hello", "'\"hello\"'")


def test_more_than_a_request_may_carry_is_not_read() -> None:
    endless = io.StringIO(" " * (values.MAX_PAYLOAD_CHARS + 5))
    _refused(lambda text: values.payload(text, endless), "-", "larger")
    assert len(endless.read()) == 4


def test_an_id_is_a_uuid() -> None:
    known = "019a9b1c-0d6e-7c3f-a2b4-5d6e7f809102"
    assert values.job_id(known.upper()) == known
    _refused(values.job_id, "../nodes", "punctual job list")


@pytest.mark.parametrize("text", ["", " a", "a\n", "ключ", "x" * 256])
def test_a_key_that_no_header_can_carry_is_refused(text: str) -> None:
    with pytest.raises(BadInput):
        values.key(text, lambda: "made")


def test_a_key_is_made_where_none_is_given() -> None:
    assert values.key(None, lambda: "made") == "made"
    assert values.key("order 17", lambda: "made") == "order 17"


def test_the_name_of_a_type_cannot_leave_its_path() -> None:
    assert values.type_path("../nodes?x") == "/api/v1/job-types/..%2Fnodes%3Fx"


def _refused(read: Callable[[str], Any], text: str, hint: str) -> None:
    with pytest.raises(BadInput) as caught:
        read(text)
    assert hint in str(caught.value)
