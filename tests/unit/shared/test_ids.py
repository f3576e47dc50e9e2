"""Ids are UUIDv7: ordered by the millisecond in which they were made."""

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.kernel.ids import first_id_of, new_id

LAST_MS = (1 << 48) - 1

unix_ms = st.integers(0, LAST_MS)


def test_an_id_is_a_uuid7_of_the_moment_it_was_made() -> None:
    before = time.time_ns() // 1_000_000
    made = new_id()
    after = time.time_ns() // 1_000_000
    assert (made.version, made.variant) == (7, "specified in RFC 4122")
    assert before <= made.int >> 80 <= after


def test_no_two_ids_are_the_same() -> None:
    assert len({new_id() for _ in range(10_000)}) == 10_000


def test_an_id_lies_in_the_range_of_its_millisecond() -> None:
    made = new_id()
    ms = made.int >> 80
    assert first_id_of(ms) < made < first_id_of(ms + 1)


@given(unix_ms, unix_ms)
def test_ids_are_ordered_as_their_milliseconds(one: int, other: int) -> None:
    assert (first_id_of(one) < first_id_of(other)) == (one < other)


@pytest.mark.parametrize("ms", [-1, LAST_MS + 1])
def test_a_millisecond_that_does_not_fit_is_refused(ms: int) -> None:
    with pytest.raises(ValueError, match=rf"0 to 2\^48-1, not {ms}"):
        first_id_of(ms)
