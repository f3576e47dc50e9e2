"""What records took lately from their sending to their lease."""

import pytest

from job_service.domain.recent_ways import FEWEST, MOST, WINDOW_SECONDS, RecentWays


class Clock:
    now = 0.0

    def __call__(self) -> float:
        return self.now


def test_of_a_few_nothing_is_said() -> None:
    ways = RecentWays(Clock())
    for _ in range(FEWEST - 1):
        ways.note(0.5)
    assert ways.longest() is None
    ways.note(0.5)
    assert ways.longest() == 0.5


@pytest.mark.parametrize(("slow", "longest"), [(1, 0.01), (20, 3.0)])
def test_one_in_a_hundred_may_take_longer(slow: int, longest: float) -> None:
    ways = RecentWays(Clock())
    for n in range(500):
        ways.note(3.0 if n < slow else 0.01)
    assert ways.longest() == longest


def test_what_is_long_ago_is_forgotten_and_so_is_what_was_before_many() -> None:
    clock = Clock()
    ways = RecentWays(clock)
    for _ in range(FEWEST):
        ways.note(3.0)
    clock.now = WINDOW_SECONDS + 1
    assert ways.longest() is None
    for _ in range(FEWEST):
        ways.note(3.0)
    for _ in range(MOST):
        ways.note(0.02)
    assert ways.longest() == 0.02


def test_a_sending_after_its_lease_is_no_time_at_all() -> None:
    """Stamps of two processes may stand in the wrong order, and anybody may write one."""
    ways = RecentWays(Clock())
    for _ in range(FEWEST):
        ways.note(-5.0)
    assert ways.longest() == 0.0
