"""The way of an attempt: moments in the headers of a record, and counted from the due time."""

from datetime import UTC, datetime, timedelta

import pytest

from shared.contracts.way import (
    CLAIMED_HEADER,
    PUBLISHED_HEADER,
    Stamps,
    header_of,
    told_by,
    way_ms,
)

NOON = datetime(2026, 1, 1, 12, tzinfo=UTC)


def test_a_record_tells_its_moments_to_the_microsecond() -> None:
    sent = NOON + timedelta(microseconds=1)
    headers = [header_of(PUBLISHED_HEADER, sent), header_of(CLAIMED_HEADER, NOON)]
    assert told_by(headers) == (NOON, sent)


@pytest.mark.parametrize(
    "value",
    [
        b"",
        None,
        b"yesterday",
        b"\xff\xfe",
        b"2026-01-01T12:00:00",
        b"0001-01-01T00:00:00+23:59",
        b"9999-12-31T23:59:59-23:59",
        b"2026-01-01T12:00:00+00:00" + b" " * 100,
    ],
)
def test_what_is_no_moment_tells_nothing(value: bytes) -> None:
    """Anybody may write to the topic: headers measure, and must not stop a topic partition."""
    assert told_by([(CLAIMED_HEADER, value), (PUBLISHED_HEADER, value), ("x", value)]) == (
        None,
        None,
    )


def test_moments_are_counted_from_the_due_time() -> None:
    stamps = Stamps(
        claimed_at=NOON - timedelta(seconds=1), published_at=NOON - timedelta(milliseconds=100)
    )
    way = way_ms(
        NOON,
        stamps,
        leased_at=NOON - timedelta(milliseconds=95),
        started_at=NOON + timedelta(microseconds=1_200),
    )
    assert way.model_dump() == {
        "claimed": -1000.0,
        "published": -100.0,
        "received": None,
        "leased": -95.0,
        "began": 1.2,
    }
