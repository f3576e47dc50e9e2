"""When a process that died comes back."""

from job_service.processes import QUICK_DEATHS, STEADY_SECONDS, Comebacks


def test_the_pause_doubles_and_then_it_is_of_no_use() -> None:
    comebacks = Comebacks()
    pauses = [comebacks.died(1.0) for _ in range(QUICK_DEATHS)]
    assert pauses == [0.1, 0.2, 0.4, 0.8, None]


def test_one_that_was_steady_is_back_at_once_and_begins_anew() -> None:
    comebacks = Comebacks()
    for _ in range(QUICK_DEATHS - 1):
        comebacks.died(1.0)
    assert comebacks.died(STEADY_SECONDS) == 0.0
    assert comebacks.died(1.0) == 0.1
