"""What is held: published at due minus lead, never twice in the wheel."""

from datetime import timedelta

from scheduler_service.domain.held_jobs import HeldJobs, key_of, microseconds
from scheduler_service.domain.lead import Lead
from tests.unit.scheduler.claimed_jobs import NOON, claimed


def test_a_job_comes_out_at_its_due_time_minus_the_lead() -> None:
    held = HeldJobs(Lead(0.1, most=0.1))
    job = claimed(due_in=1.0)
    held.hold([job], now=NOON)
    assert held.take_due(NOON + timedelta(seconds=0.899_999)) == []
    assert held.seconds_to_next(NOON + timedelta(seconds=0.5)) == 0.4
    assert held.take_due(NOON + timedelta(seconds=0.9)) == [job]
    assert held.seconds_to_next(NOON) is None


def test_a_job_that_comes_again_is_not_put_in_twice() -> None:
    """R8: job_service sends claims again that it believes unacknowledged."""
    held = HeldJobs(Lead(0.1, most=0.1))
    job = claimed()
    assert held.hold([job, job], now=NOON) == [job]
    assert held.hold([job], now=NOON) == []
    assert held.take_due(NOON) == [job]
    assert held.hold([job], now=NOON) == [], "it is on its way to the broker"
    assert held.take_due(NOON) == []
    assert len(held) == 1


def test_a_job_armed_again_after_it_was_published_is_published_again() -> None:
    held = HeldJobs(Lead(0.0, most=0.0))
    job = claimed()
    held.hold([job], now=NOON)
    held.take_due(NOON)
    held.let_go([key_of(job)])
    assert len(held) == 0
    assert held.hold([job], now=NOON) == [job]
    assert held.take_due(NOON) == [job]


def test_another_attempt_of_a_held_job_is_another_thing() -> None:
    held = HeldJobs(Lead(0.0, most=0.0))
    first = claimed()
    second = first.model_copy(update={"attempt": 2})
    assert held.hold([first, second], now=NOON) == [first, second]


def test_microseconds_are_exact() -> None:
    assert microseconds(NOON + timedelta(microseconds=1)) - microseconds(NOON) == 1
