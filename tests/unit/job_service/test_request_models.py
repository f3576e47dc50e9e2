"""What a request may say (contract.md sections 1 and 2)."""

import json
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from job_service.api.models import (
    MAX_LABELS,
    MAX_NAME_CHARS,
    BatchItem,
    ChangeJob,
    CreateJob,
    SetState,
)
from job_service.api.payloads import MAX_DEPTH, MAX_DIGITS, MAX_PAYLOAD_BYTES
from job_service.domain.job import NewJob
from job_service.domain.priority import band_of
from job_service.operations.problems import Invalid
from shared.contracts.states import JobStatus

JOB_ID = UUID(int=7)


def read(**fields: Any) -> CreateJob:
    """As the route reads it from JSON."""
    return CreateJob.model_validate_json(json.dumps({"name": "n", "jobType": "DUMMY", **fields}))


def new_job(**fields: Any) -> NewJob:
    return read(**fields).to_new_job(JOB_ID, traceparent=None, key=None)


def test_name_and_type_are_enough() -> None:
    job = new_job()
    assert (job.id, job.name, job.job_type, job.payload) == (JOB_ID, "n", "DUMMY", None)
    assert (job.scheduled_time, job.priority, job.band) == (None, 0, band_of(0))
    assert (job.max_attempts, job.timeout_seconds, job.labels) == (3, None, "{}")


@pytest.mark.parametrize("missing", ["name", "jobType"])
def test_both_are_needed(missing: str) -> None:
    fields = {"name": "n", "jobType": "DUMMY"}
    del fields[missing]
    with pytest.raises(ValidationError, match=missing):
        CreateJob.model_validate_json(json.dumps(fields))


@pytest.mark.parametrize(
    "fields",
    [
        {"nonsense": 1},
        {"name": ""},
        {"name": "x" * (MAX_NAME_CHARS + 1)},
        {"jobType": ""},
        {"jobType": "1st"},
        {"jobType": "has space"},
        {"jobType": "x" * 101},
        {"priority": 101},
        {"priority": -101},
        {"priority": "3"},
        {"priority": 1.5},
        {"maxAttempts": 0},
        {"maxAttempts": 101},
        {"maxAttempts": True},
        {"timeoutSeconds": 0},
        {"timeoutSeconds": -1},
        {"timeoutSeconds": 604_801},
        {"orderingKey": ""},
        {"orderingKey": "x" * 201},
        {"labels": {str(n): "v" for n in range(MAX_LABELS + 1)}},
        {"labels": {"k": ""}},
        {"labels": {"": "v"}},
        {"labels": {"k": 1}},
        {"labels": {"k": "v" * 101}},
        {"name": None},
    ],
    ids=lambda fields: json.dumps(fields)[:40],
)
def test_what_does_not_fit_is_refused(fields: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        read(**fields)


@pytest.mark.parametrize(
    ("text", "moment"),
    [
        ("2026-11-21T10:00:00Z", datetime(2026, 11, 21, 10, tzinfo=UTC)),
        ("2026-11-21T10:00:00.250Z", datetime(2026, 11, 21, 10, 0, 0, 250_000, tzinfo=UTC)),
        ("2026-11-21T10:00:00+02:00", datetime(2026, 11, 21, 8, tzinfo=UTC)),
        ("2024-01-01T10:00:00", datetime(2024, 1, 1, 10, tzinfo=UTC)),
    ],
)
def test_a_time_is_rfc_3339_and_utc_where_it_names_no_zone(text: str, moment: datetime) -> None:
    assert new_job(scheduledTime=text).scheduled_time == moment
    assert new_job(expiresAt=text).expires_at == moment


@pytest.mark.parametrize(
    "value",
    [
        "2026-11-21",
        " 2026-11-21 ",
        "tomorrow",
        "",
        "10:00:00",
        "2026-13-01T00:00:00Z",
        "2026-02-30T00:00:00Z",
        "1969-12-31T23:59:59Z",
        "9999-01-01T00:00:00Z",
        "0001-01-01T00:00:00+14:00",
        "9999-12-31T23:59:59-14:00",
        1_700_000_000,
        1.5,
        True,
    ],
)
def test_anything_else_is_no_time(value: Any) -> None:
    with pytest.raises(ValidationError, match="time"):
        read(scheduledTime=value)


@given(
    st.recursive(
        st.none()
        | st.booleans()
        | st.integers(-(2**53), 2**53)
        | st.floats(allow_nan=False, allow_infinity=False)
        | st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\x00{")),
        lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.just("k"), inner),
        max_leaves=8,
    )
)
def test_a_payload_is_kept_as_it_is(payload: Any) -> None:
    kept = new_job(payload=payload).payload
    assert (None if kept is None else json.loads(kept)) == payload


def test_a_string_that_holds_an_object_is_that_object() -> None:
    """The reference system's form."""
    assert new_job(payload='{"url": "https://x"}').payload == '{"url": "https://x"}'
    assert new_job(payload='  {"a": 1}').payload == '{"a": 1}'


@pytest.mark.parametrize("text", ["optional data", "{not json", "[1, 2]", "17", '"quoted"', "{"])
def test_any_other_string_stays_a_string(text: str) -> None:
    assert new_job(payload=text).payload == json.dumps(text)


def test_a_payload_is_measured_as_it_is_stored() -> None:
    fits = "x" * (MAX_PAYLOAD_BYTES - 2)
    assert new_job(payload=fits).payload == json.dumps(fits)
    with pytest.raises(Invalid, match="larger"):
        new_job(payload=fits + "x")


@pytest.mark.parametrize(
    "fields",
    [
        {"name": "a\x00b"},
        {"orderingKey": "a\x00b"},
        {"labels": {"k": "a\x00b"}},
        {"labels": {"a\x00b": "v"}},
        {"payload": "a\x00b"},
        {"payload": {"k": ["a\x00b"]}},
        {"payload": [{"a\x00b": 1}]},
    ],
)
def test_nul_characters_are_refused(fields: dict[str, Any]) -> None:
    with pytest.raises((Invalid, ValidationError), match="NUL"):
        new_job(**fields)


def test_a_key_with_nul_is_refused() -> None:
    with pytest.raises(Invalid, match="NUL"):
        read().to_new_job(JOB_ID, traceparent=None, key="a\x00b")


@pytest.mark.parametrize("text", ["NaN", "Infinity", "-Infinity", "1e999"])
def test_numbers_that_are_no_json_are_refused(text: str) -> None:
    body = f'{{"name": "n", "jobType": "DUMMY", "payload": [{text}]}}'
    with pytest.raises((ValidationError, Invalid)):
        CreateJob.model_validate_json(body).to_new_job(JOB_ID, traceparent=None, key=None)


@pytest.mark.parametrize("text", ['{"a": NaN}', '{"a": 1e999}'])
def test_nor_do_they_come_in_inside_a_string(text: str) -> None:
    with pytest.raises(Invalid, match="payload"):
        new_job(payload=text)


def test_a_change_leaves_what_it_does_not_name() -> None:
    assert ChangeJob.model_validate_json("{}") == ChangeJob()
    with pytest.raises(ValidationError):
        ChangeJob.model_validate_json('{"name": "other"}')


@pytest.mark.parametrize("status", list(JobStatus))
def test_every_state_can_be_asked_for(status: JobStatus) -> None:
    """Whether it may be reached from here is the table's affair."""
    body = json.dumps({"status": status.value, "version": 3, "leaseToken": "t"})
    asked = SetState.model_validate_json(body)
    assert (asked.status, asked.version, asked.lease_token) == (status.value, 3, "t")


@pytest.mark.parametrize(
    "fields", [{"status": "DONE"}, {"status": "running"}, {}, {"status": "RUNNING", "version": "3"}]
)
def test_nothing_else_can(fields: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        SetState.model_validate_json(json.dumps(fields))


def nested(levels: int) -> Any:
    value: Any = 1
    for _ in range(levels):
        value = [value]
    return value


def test_a_payload_is_nested_so_deep_and_no_deeper() -> None:
    """The envelopes around it must not take it beyond what the parsers on its way stop at."""
    assert new_job(payload=nested(MAX_DEPTH)).payload is not None
    with pytest.raises(Invalid, match="nested"):
        new_job(payload=nested(MAX_DEPTH + 1))


def test_deep_nesting_inside_a_string_is_a_string() -> None:
    text = '{"a": ' + "[" * 10_000
    assert new_job(payload=text).payload == json.dumps(text)


def test_a_number_has_so_many_digits() -> None:
    assert new_job(payload=10**MAX_DIGITS - 1).payload == "9" * MAX_DIGITS
    with pytest.raises(Invalid, match="digits"):
        new_job(payload=-(10**MAX_DIGITS))


def test_numbers_with_an_exponent_count_as_written_out() -> None:
    """PostgreSQL gives 1e308 back with all its zeros."""
    numbers = MAX_PAYLOAD_BYTES // MAX_DIGITS
    assert new_job(payload=[1e308] * (numbers - 10)).payload is not None
    with pytest.raises(Invalid, match="larger"):
        new_job(payload=[1e308] * numbers)


def test_a_text_that_only_looks_like_a_nul_is_kept() -> None:
    assert new_job(payload="\\u0000").payload == json.dumps("\\u0000")


def test_the_same_create_has_the_same_hash() -> None:
    """Whether a default was written down or not; the key of a batch's item is no part of it."""
    plain = read().body_hash()
    assert read(priority=0, labels={}, payload=None).body_hash() == plain
    item = BatchItem.model_validate({"name": "n", "jobType": "DUMMY", "idempotencyKey": "k"})
    assert item.body_hash() == plain
    assert read(priority=1).body_hash() != plain
    assert read(payload={"a": [1, 2]}).body_hash() != read(payload={"a": [2, 1]}).body_hash()
    assert (
        read(labels={"a": "1", "b": "2"}).body_hash()
        == read(labels={"b": "2", "a": "1"}).body_hash()
    )
