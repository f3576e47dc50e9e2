"""What is known of the database clock: a lower bound, from the receipt of replies."""

from datetime import datetime, timedelta

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from shared.kernel.clock import DatabaseClock
from tests.unit.shared.hand_clock import NOON, HandClock

STEP = DatabaseClock.STEP_SECONDS
WINDOW = DatabaseClock.WINDOW_SECONDS

quarters = st.integers(0, 80)
"""Quarters of a second, up to 20 s: exact as floats."""


def noon(seconds: float) -> datetime:
    """So many seconds after noon."""
    return NOON + timedelta(seconds=seconds)


def test_a_stamp_counts_from_the_receipt_of_its_reply() -> None:
    """R5: whenever it was taken on the way, it was not taken later than that."""
    clock = HandClock(now=100.0)
    clock.database.heard(NOON, asked_at=90.0)
    assert clock.database.at_least() == NOON
    clock.now = 107.0
    assert clock.database.at_least() == noon(7)


def test_the_wait_for_a_due_time_is_judged_by_the_bound() -> None:
    """R5: a due time is reached when the bound has reached it."""
    clock = HandClock()
    clock.database.heard(NOON)
    assert clock.database.seconds_until(noon(5)) == 5
    clock.now += 5
    assert clock.database.seconds_until(noon(5)) == 0
    clock.now += 1
    assert clock.database.seconds_until(noon(5)) == -1


@given(st.lists(st.tuples(quarters, quarters, quarters), min_size=1, max_size=40))
def test_the_bound_is_behind_by_the_fastest_way_back_of_the_last_minute(
    replies: list[tuple[int, int, int]],
) -> None:
    """R5: and so it is never ahead of the database clock, which is machine time after noon here."""
    clock = HandClock(now=0.0)
    ways_back: list[tuple[float, float]] = []
    for pause, there, back in replies:
        clock.now += pause / 4
        asked_at = clock.now
        clock.now += there / 4
        stamp = noon(clock.now)
        clock.now += back / 4
        clock.database.heard(stamp, asked_at=asked_at)
        ways_back.append((clock.now, back / 4))
        fastest = min(way for at, way in ways_back if at >= clock.now - WINDOW)
        assert clock.database.at_least() == noon(clock.now - fastest)


def test_a_slow_reply_does_not_make_the_bound_worse() -> None:
    """R5: the best of the recent replies counts."""
    clock = HandClock()
    clock.database.heard(NOON)
    clock.now += 10
    clock.database.heard(noon(4), asked_at=clock.now - 10)
    assert clock.database.at_least() == noon(10)


def test_a_reply_counts_for_a_minute() -> None:
    """R5: this machine's clock may drift, so the best bound is not kept for ever."""
    clock = HandClock()
    clock.database.heard(NOON)
    clock.now += WINDOW
    clock.database.heard(noon(WINDOW - 3))
    assert clock.database.at_least() == noon(WINDOW)
    clock.now += 1
    clock.database.heard(noon(WINDOW - 3))
    assert clock.database.at_least() == noon(WINDOW - 2)


def test_a_step_back_of_the_database_clock_forgets_what_was_heard_before() -> None:
    """R5: behind the bound even if the stamp was taken as the request left: no late reply."""
    clock = HandClock()
    clock.database.heard(NOON)
    clock.now += 2
    back = noon(2 - 1 - STEP - 0.25)
    clock.database.heard(back, asked_at=clock.now - 1)
    assert clock.database.at_least() == back


def test_a_stamp_behind_by_less_than_a_step_forgets_nothing() -> None:
    clock = HandClock()
    clock.database.heard(NOON)
    clock.now += 2
    clock.database.heard(noon(2 - 1 - STEP), asked_at=clock.now - 1)
    assert clock.database.at_least() == noon(2)


def test_a_late_reply_is_no_step_back() -> None:
    """R5: its stamp is far behind, as far as its request is."""
    clock = HandClock()
    clock.database.heard(NOON)
    clock.now += 30
    clock.database.heard(noon(0.25), asked_at=clock.now - 30)
    assert clock.database.at_least() == noon(30)


def test_a_stamp_of_an_unknown_request_proves_no_step_back() -> None:
    clock = HandClock()
    clock.database.heard(NOON)
    clock.database.heard(noon(-10))
    assert clock.database.at_least() == NOON


def test_a_step_forward_counts_at_once() -> None:
    clock = HandClock()
    clock.database.heard(NOON)
    clock.database.heard(noon(10), asked_at=clock.now)
    assert clock.database.at_least() == noon(10)


def test_before_the_first_reply_nothing_is_known() -> None:
    clock = HandClock().database
    assert not clock.known()
    with pytest.raises(RuntimeError, match="not known before the first reply"):
        clock.at_least()
    with pytest.raises(RuntimeError, match="not known before the first reply"):
        clock.seconds_until(NOON)
    clock.heard(NOON)
    assert clock.known()


@given(
    stamp=st.timedeltas(timedelta(0), timedelta(days=2_900_000)),
    ahead=st.timedeltas(timedelta(0), timedelta(days=1)),
    received=st.floats(0, 1e7),
)
@example(stamp=timedelta(days=2_500_000, microseconds=13), ahead=timedelta(0), received=100.0)
def test_a_due_time_that_is_reached_is_never_stamped_earlier(
    stamp: timedelta, ahead: timedelta, received: float
) -> None:
    """Whatever a float makes of microseconds."""
    clock = HandClock(now=received)
    clock.database.heard(NOON + stamp)
    due = NOON + stamp + ahead
    clock.now += clock.database.seconds_until(due)
    if clock.database.seconds_until(due) <= 0:
        stamp_of_start = clock.database.stamp_after(due)
        assert stamp_of_start is not None
        assert stamp_of_start >= due


def test_a_due_time_ahead_has_no_stamp() -> None:
    clock = HandClock()
    clock.database.heard(NOON)
    assert clock.database.stamp_after(noon(1)) is None
    assert clock.database.stamp_after(noon(-1)) == NOON
