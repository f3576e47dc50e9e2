"""The record on the topic: what is written can be read, and whatever else is there is refused."""

import json
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.contracts.dispatch import MAX_RECORD_BYTES, Dispatch, NotADispatch, decode, encode

MOST = 2_147_483_647
JOB = UUID("01a00000-0000-7000-8000-000000000001")
WIRE: dict[str, Any] = {
    "jobId": str(JOB),
    "attempt": 2,
    "version": 3,
    "jobType": "DUMMY",
    "dueAt": "2026-11-21T12:00:00.000001Z",
    "schema": 1,
}
DISPATCH = Dispatch(
    job_id=JOB,
    attempt=2,
    version=3,
    job_type="DUMMY",
    due_at=datetime(2026, 11, 21, 12, microsecond=1, tzinfo=UTC),
)

dispatches = st.fixed_dictionaries(
    {
        "job_id": st.uuids(),
        "attempt": st.integers(1, MOST),
        "version": st.integers(0, MOST),
        "job_type": st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=100),
        "due_at": st.datetimes(timezones=st.just(UTC)),
    }
).map(lambda fields: Dispatch(**fields))


def wire(**changes: Any) -> bytes:
    """The record with some fields changed; `...` leaves one out."""
    fields = {**WIRE, **changes}
    return json.dumps({name: v for name, v in fields.items() if v is not ...}).encode()


def refusal(value: bytes | None) -> str:
    """Why it is no dispatch."""
    with pytest.raises(NotADispatch) as refused:
        decode(value)
    return str(refused.value)


@given(dispatches)
def test_what_is_written_is_read_again(dispatch: Dispatch) -> None:
    value, _ = encode(dispatch, traceparent=None)
    assert decode(value) == dispatch
    assert len(value) <= MAX_RECORD_BYTES


def test_the_form_on_the_topic() -> None:
    value, headers = encode(DISPATCH, traceparent=None)
    assert json.loads(value) == WIRE
    assert dict(headers) == {
        "ce_specversion": b"1.0",
        "ce_type": b"punctual.dispatch.v1",
        "ce_source": b"/punctual/scheduler",
        "ce_id": f"{JOB}-2".encode(),
        "ce_subject": str(JOB).encode(),
        "content-type": b"application/json",
    }
    assert decode(wire()) == DISPATCH


@pytest.mark.parametrize("traceparent", [None, "", "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067-01"])
def test_a_trace_goes_along_as_a_header(traceparent: str | None) -> None:
    _, headers = encode(DISPATCH, traceparent=traceparent)
    sent = [value.decode() for name, value in headers if name == "traceparent"]
    assert sent == ([traceparent] if traceparent else [])


@pytest.mark.parametrize(
    "fits",
    [
        {"attempt": 1},
        {"attempt": MOST},
        {"version": 0},
        {"version": MOST},
        {"jobType": "x"},
        {"jobType": "x" * 100},
        {"dueAt": "2026-11-21T12:00:00+01:00"},
    ],
)
def test_bounds_belong_to_the_dispatch(fits: dict[str, Any]) -> None:
    written = json.loads(decode(wire(**fits)).model_dump_json(by_alias=True))
    assert {name: written[name] for name in fits} == fits


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"attempt": 0}, "attempt: Input should be greater than or equal to 1"),
        ({"attempt": MOST + 1}, f"attempt: Input should be less than or equal to {MOST}"),
        ({"attempt": 10**300}, f"attempt: Input should be less than or equal to {MOST}"),
        ({"attempt": 1.5}, "attempt: Input should be a valid integer"),
        ({"version": -1}, "version: Input should be greater than or equal to 0"),
        ({"version": MOST + 1}, f"version: Input should be less than or equal to {MOST}"),
        ({"jobType": ""}, "jobType: String should have at least 1 character"),
        ({"jobType": "x" * 101}, "jobType: String should have at most 100 characters"),
        ({"jobType": None}, "jobType: Input should be a valid string"),
        ({"jobType": ...}, "jobType: Field required"),
        ({"jobId": "4711"}, "jobId: Input should be a valid UUID"),
        ({"dueAt": "2026-11-21T12:00:00"}, "dueAt: Input should have timezone info"),
        ({"dueAt": "soon"}, "dueAt: Input should be a valid datetime"),
        ({"schema": 2}, "schema: Input should be 1"),
        ({"payload": {}}, "payload: Extra inputs are not permitted"),
    ],
)
def test_a_field_that_does_not_fit_is_named(changes: dict[str, Any], reason: str) -> None:
    assert refusal(wire(**changes)).startswith(reason)


@pytest.mark.parametrize(
    ("value", "reason"),
    [
        (None, "the record has no value"),
        (b"", "value: Invalid JSON"),
        (b"\xff\xfe", "value: Invalid JSON"),
        (b"{", "value: Invalid JSON"),
        (b"[" * MAX_RECORD_BYTES, "value: Invalid JSON: recursion limit exceeded"),
        (wire() + wire(), "value: Invalid JSON: trailing characters"),
        (b"null", "value: Input should be an object"),
        (b"[]", "value: Input should be an object"),
        (b"{}", "jobId: Field required"),
    ],
)
def test_garbage_is_refused_with_a_reason(value: bytes | None, reason: str) -> None:
    assert refusal(value).startswith(reason)


@given(st.binary(max_size=200) | st.text(max_size=200).map(str.encode) | st.just(b"{}"))
def test_no_bytes_raise_anything_else(value: bytes) -> None:
    assert refusal(value)


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner),
    max_leaves=5,
)


@given(st.sampled_from(sorted(WIRE)), json_values)
def test_a_field_of_any_value_is_refused_or_can_be_written_again(field: str, value: Any) -> None:
    record = wire(**{field: value})
    try:
        dispatch = decode(record)
    except NotADispatch:
        return
    assert decode(encode(dispatch, traceparent=None)[0]) == dispatch


def test_size_is_looked_at_before_anything_is_parsed() -> None:
    fits = wire().ljust(MAX_RECORD_BYTES)
    assert decode(fits) == DISPATCH
    assert refusal(fits + b" ") == (
        f"{MAX_RECORD_BYTES + 1} bytes, at most {MAX_RECORD_BYTES} are a dispatch"
    )


def test_a_reason_does_not_repeat_what_the_record_says() -> None:
    assert "secret" not in refusal(wire(jobId="secret"))
    assert "secret" not in refusal(b'{"secret')
