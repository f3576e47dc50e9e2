"""The lead follows what records take, within its bounds."""

from datetime import timedelta

import pytest

from scheduler_service.domain.held_jobs import HeldJobs
from scheduler_service.domain.lead import Lead
from tests.unit.scheduler.claimed_jobs import NOON, claimed


@pytest.mark.parametrize(
    ("told", "seconds"), [(0.001, 0.1), (0.2, 0.3), (0.6, 0.9), (30.0, 1.0), (None, 0.1)]
)
def test_it_is_half_as_long_again_within_its_bounds(told: float | None, seconds: float) -> None:
    lead = Lead(0.1, most=1.0)
    lead.heard(told)
    assert lead.seconds == pytest.approx(seconds)


def test_a_lead_that_is_long_already_stays() -> None:
    lead = Lead(5.0, most=1.0)
    lead.heard(0.2)
    assert lead.seconds == 5.0


def test_no_news_leaves_it_and_good_news_shortens_it() -> None:
    lead = Lead(0.1, most=1.0)
    lead.heard(0.4)
    lead.heard(None)
    assert lead.seconds == pytest.approx(0.6)
    lead.heard(0.02)
    assert lead.seconds == 0.1


def test_what_is_held_after_the_news_is_published_that_much_earlier() -> None:
    held = HeldJobs(Lead(0.1, most=1.0))
    before, after = claimed(due_in=2.0), claimed(due_in=2.0)
    held.hold([before], now=NOON)
    held.lead.heard(0.4)
    held.hold([after], now=NOON)
    assert held.take_due(NOON + timedelta(seconds=1.4)) == [after]
    assert held.take_due(NOON + timedelta(seconds=1.9)) == [before]
