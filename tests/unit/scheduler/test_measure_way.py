"""The scheduler's legs: what its records tell, and what is counted."""

from datetime import timedelta

import pytest

from scheduler_service.domain.held_jobs import HeldJobs
from scheduler_service.domain.lead import Lead
from scheduler_service.operations.measure_way import LEGS, MeasureWay
from shared.contracts.way import told_by
from shared.kernel.clock import DatabaseClock
from shared.runtime.legs import Legs
from tests.unit.scheduler.claimed_jobs import NOON, claimed

LEAD_SECONDS = 0.1


class Scheduler:
    """One that holds jobs; its clock is set by hand."""

    def __init__(self) -> None:
        self.seconds = 0.0
        self.clock = DatabaseClock(now=lambda: self.seconds)
        self.clock.heard(NOON)
        self.held = HeldJobs(Lead(LEAD_SECONDS, most=LEAD_SECONDS))
        self.legs = Legs(LEGS)
        self.way = MeasureWay(held=self.held, clock=self.clock, legs=self.legs)

    def sum_of(self, leg: str) -> float:
        (family,) = self.legs.histogram.collect()
        return next(
            sample.value
            for sample in family.samples
            if sample.name.endswith("_sum") and sample.labels == {"leg": leg}
        )


def test_a_record_tells_when_it_was_claimed_and_sent() -> None:
    it = Scheduler()
    job = claimed(due_in=1.0)
    it.held.hold([job], now=NOON)
    it.seconds = 0.9
    assert told_by(it.way.stamps(job)) == (NOON, NOON + timedelta(seconds=0.9))


@pytest.mark.parametrize(
    ("due_in", "sent_after", "late"),
    [
        pytest.param(1.0, 0.905, 0.005, id="claimed ahead: from due minus lead"),
        pytest.param(-1.0, 0.005, 0.005, id="due when it was claimed: from the claim"),
    ],
)
def test_the_wheel_is_late_by_what_passes_after_the_moment_wanted(
    due_in: float, sent_after: float, late: float
) -> None:
    it = Scheduler()
    job = claimed(due_in=due_in)
    it.held.hold([job], now=NOON)
    it.seconds = sent_after
    acknowledged = it.way.sending([job])
    it.seconds += 0.002
    acknowledged()
    assert it.sum_of("wheel") == pytest.approx(late)
    assert it.sum_of("publish") == pytest.approx(0.002)
