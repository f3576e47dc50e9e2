"""Handing over what is due, by the database clock's lower bound."""

from datetime import timedelta

import pytest

from scheduler_service.domain.held_jobs import HeldJobs
from scheduler_service.domain.lead import Lead
from scheduler_service.operations.publish_due import PublishDue
from shared.contracts.claims import Claimed
from shared.kernel.clock import DatabaseClock
from tests.unit.scheduler.claimed_jobs import NOON, claimed


@pytest.mark.asyncio
async def test_it_publishes_what_is_due_and_sets_the_alarm_for_the_next() -> None:
    monotonic = 50.0
    clock = DatabaseClock(now=lambda: monotonic)
    held = HeldJobs(Lead(0.1, most=0.1))
    published: list[Claimed] = []
    alarms: list[float] = []
    publish = PublishDue(held=held, clock=clock, publish=published.extend, alarm=alarms.append)
    now, later = claimed(due_in=0.1), claimed(due_in=1.6)
    held.hold([later, now], now=NOON)

    assert await publish.run_once() == {"handed": 0, "held": 2}, (
        "the database clock is not known yet"
    )
    clock.heard(NOON)
    assert await publish.run_once() == {"handed": 1, "held": 2}
    assert published == [now]
    assert alarms == [pytest.approx(1.5)]

    monotonic += 1.499
    assert await publish.run_once() == {"handed": 0, "held": 2}
    assert alarms[-1] == pytest.approx(0.001)
    monotonic += 0.001
    clock.heard(NOON + timedelta(seconds=1.5))
    assert await publish.run_once() == {"handed": 1, "held": 2}
    assert published == [now, later]
    assert len(alarms) == 2, "nothing waits any more"
