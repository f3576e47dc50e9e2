"""When reaping is suspended, because renewals may have been impossible: R14."""

from datetime import timedelta

import pytest

from shared.contracts.nodes import Renew
from shared.contracts.states import JobStatus
from tests.support.given import Actors, running
from tests.support.job_service import Service

TTL_SECONDS = 10.0


async def tick_row(service: Service, change: str) -> None:
    """Change what the last tick left behind."""
    await service.end_amnesty()
    await service.raw.execute(f"UPDATE reaper_tick SET {change}")


CAUSES = {
    "a gap": "ticked_at = clock_timestamp() - interval '3 seconds'",
    "a clock that went back": "ticked_at = clock_timestamp() + interval '1 minute'",
    "a new timeline": "timeline = '000000FF'",
}


@pytest.mark.parametrize("cause", CAUSES.values(), ids=list(CAUSES))
async def test_what_may_have_stopped_renewals_suspends_reaping_for_one_ttl(
    actors: Actors, cause: str
) -> None:
    """R14: no node is declared dead, and nothing of it is lost, until a TTL has passed."""
    service = actors.service
    job = await running(actors)
    await service.expire_node(actors.worker)
    await tick_row(service, cause)
    assert (await service.duty("reap"))["suspended"] == 1
    assert await service.is_live(actors.worker)
    left = await service.raw.fetchval("SELECT suspended_until - ticked_at FROM reaper_tick")
    assert left == timedelta(seconds=TTL_SECONDS)
    assert (await service.job(job.id)).lost == 0


async def test_the_tick_after_a_new_timeline_knows_it(actors: Actors) -> None:
    """R14: the amnesty is granted once; the next tick neither renews nor ends it."""
    service = actors.service
    await tick_row(service, CAUSES["a new timeline"])
    await service.duty("reap")
    until = await service.raw.fetchval("SELECT suspended_until FROM reaper_tick")
    assert (await service.duty("reap"))["suspended"] == 1
    row = await service.raw.fetchrow(
        "SELECT suspended_until, timeline = substr(pg_walfile_name(pg_current_wal_lsn()), 1, 8) AS same "
        "FROM reaper_tick"
    )
    assert row is not None
    assert row["suspended_until"] == until
    assert row["same"]


async def test_the_first_tick_of_all_suspends_too(actors: Actors) -> None:
    """R14: nobody knows how long nothing was written before it."""
    service = actors.service
    await service.expire_node(actors.worker)
    assert (await service.duty("reap"))["suspended"] == 1
    assert await service.is_live(actors.worker)


async def test_an_ordinary_pause_between_two_ticks_suspends_nothing(actors: Actors) -> None:
    """R14: less than two seconds are no gap."""
    service = actors.service
    await service.expire_node(actors.worker)
    await tick_row(service, "ticked_at = clock_timestamp() - interval '1 second'")
    counts = await service.duty("reap")
    assert (counts["suspended"], counts["dead"]) == (0, 1)


async def test_whoever_renews_in_the_amnesty_lives_and_who_does_not_is_reaped_after_it(
    actors: Actors,
) -> None:
    """R14: that is what the amnesty is for."""
    service = actors.service
    job = await running(actors)
    silent = await service.worker()
    for node in (actors.worker, silent):
        await service.expire_node(node)
    await tick_row(service, CAUSES["a gap"])
    await service.duty("reap")
    assert (await service.operations.sessions.renew(actors.worker, Renew(slots=1))).live
    assert (await service.reap())["dead"] == 1
    assert not await service.is_live(silent)
    assert (await service.job(job.id)).status is JobStatus.RUNNING


@pytest.mark.parametrize(
    "frozen",
    [CAUSES["a gap"], CAUSES["a clock that went back"]],
    ids=["frozen", "clock went back"],
)
async def test_a_database_that_froze_between_tick_and_mark_marks_nobody(
    actors: Actors, frozen: str
) -> None:
    """R14: the amnesty is looked at in the marking statement itself; the tick alone may be long past."""
    service = actors.service
    await service.end_amnesty()
    assert not await service.stores.reaping.tick()
    await service.expire_node(actors.worker)
    await service.raw.execute(f"UPDATE reaper_tick SET {frozen}")
    assert await service.stores.reaping.mark_dead() == 0
    assert await service.is_live(actors.worker)


async def test_deadlines_wait_for_the_end_of_the_amnesty(actors: Actors) -> None:
    """R14: a worker that could not report in time is not to blame."""
    service = actors.service
    job = await running(actors)
    await service.pass_time(job.id, 1000)
    await tick_row(service, CAUSES["a gap"])
    await service.duty("reap")
    assert (await service.duty("end_overdue"))["ended"] == 0
    await service.end_amnesty()
    assert (await service.duty("end_overdue"))["ended"] == 1


async def test_a_node_that_left_is_reaped_at_once_even_then(actors: Actors) -> None:
    """R14: it said so itself; there is nothing to doubt."""
    service = actors.service
    job = await running(actors)
    await tick_row(service, CAUSES["a gap"])
    await service.operations.sessions.leave(actors.worker)
    assert (await service.duty("reap"))["taken"] == 1
    assert (await service.job(job.id)).status is JobStatus.SCHEDULED
