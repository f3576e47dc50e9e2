"""Who goes first in a claim, and how many of a type may: R23."""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator

import pytest

from shared.contracts.nodes import Renew
from shared.contracts.states import Outcome
from shared.runtime.settings import Claim
from tests.support.checked import checked_service
from tests.support.job_service import AHEAD, Service, new_job

LIMITED = "LIMITED"
LOW, HIGH = -100, 100
AGED = -120.0
"""`in_seconds` of a job that has waited for longer than `AGED_AFTER`."""
AGED_AFTER = 60.0


@pytest.fixture
async def service(database_url: str) -> AsyncIterator[Service]:
    """A tenth of what is claimed goes to the longest waiting."""
    claim = Claim(lookahead=60.0, aged_after=AGED_AFTER, aged_share=0.1)
    async with checked_service(database_url, claim=claim) as running:
        yield running


async def low_ones(service: Service, count: int, *, waited: float) -> set[object]:
    """Low priorities that have waited so long."""
    jobs = await service.create(count, priority=LOW)
    for job in jobs:
        await service.pass_time(job.id, waited)
    return {job.id for job in jobs}


async def test_a_low_priority_does_not_starve(service: Service) -> None:
    """R23: high ones keep coming for the one slot; one claim in ten is for the longest waiting."""
    scheduler, worker = await service.scheduler(), await service.worker(slots=1)
    low = await low_ones(service, 2, waited=AGED_AFTER + 1)
    ran: list[object] = []
    for _ in range(24):
        await service.create_one(priority=HIGH)
        (claimed,) = await service.claim(scheduler)
        (lease,) = await service.lease(worker, [claimed])
        await service.finish(worker, lease)
        ran.append(claimed.job_id)
    assert low <= set(ran)
    assert not low & set(ran[:5])


async def test_who_has_not_waited_long_waits_for_the_high_ones(service: Service) -> None:
    """R23: the share is for those that have waited, and is nobody's otherwise."""
    scheduler = await service.scheduler()
    await service.worker(slots=20)
    low = await low_ones(service, 5, waited=AGED_AFTER / 2)
    high = {job.id for job in await service.create(20, priority=HIGH)}
    claimed = {job.job_id for job in await service.claim(scheduler)}
    assert claimed == high
    assert not claimed & low


async def test_a_high_priority_behind_many_that_waited_long_is_in_the_next_claim(
    service: Service,
) -> None:
    """R23: all of them have aged, and none of them is in its way. The claim is full all the same."""
    scheduler = await service.scheduler()
    await service.worker(slots=20)
    crowd = [new_job(priority=LOW) for _ in range(1_000)]
    await service.operations.create.create(crowd)
    await service.raw.execute("SET session_replication_role = replica")
    for table in ("due", "jobs"):
        await service.raw.execute(
            f"UPDATE {table} SET dispatch_at = dispatch_at - $1 * interval '1 second'",
            2 * AGED_AFTER,
        )
    await service.raw.execute("SET session_replication_role = DEFAULT")
    high = await service.create_one(priority=HIGH)
    claimed = [job.job_id for job in await service.claim(scheduler)]
    assert high.id in claimed
    assert len(set(claimed)) == 20


async def test_the_longest_waiting_of_all_bands_goes_first(service: Service) -> None:
    """R23: whatever its band; the share of one claim is one job of ten."""
    scheduler = await service.scheduler()
    await service.worker(slots=10)
    (longest,) = await low_ones(service, 1, waited=AGED_AFTER + 60)
    await low_ones(service, 3, waited=AGED_AFTER + 1)
    high = {job.id for job in await service.create(30, priority=HIGH)}
    claimed = {job.job_id for job in await service.claim(scheduler)}
    assert claimed - high == {longest}
    assert len(claimed) == 10


async def test_no_more_of_a_type_than_its_limit(service: Service) -> None:
    """R23: over all workers and bands, due and ahead together; what ends makes room, what backs off too."""
    scheduler = await service.scheduler()
    worker = await service.worker(slots=10, types=[LIMITED], max_running=3)
    await service.worker(slots=10, types=[LIMITED, "FREE"], max_running=3)
    await service.raw.execute("UPDATE job_types SET max_running = NULL WHERE name = 'FREE'")
    for priority in (LOW, 0, HIGH):
        await service.create(3, job_type=LIMITED, priority=priority)
        await service.create(3, job_type=LIMITED, priority=priority, in_seconds=AHEAD)
    await service.create(5, job_type="FREE")
    claimed = await service.claim(scheduler)
    assert Counter(job.job_type for job in claimed) == {LIMITED: 3, "FREE": 5}
    mine = [job for job in claimed if job.job_type == LIMITED]
    assert {(await service.job(job.job_id)).priority for job in mine} == {HIGH}
    await service.lease(worker, mine)
    assert await service.claim(scheduler) == []
    await service.finish(worker, mine[0])
    await service.finish(worker, mine[1], Outcome.FAILED, retry_after_seconds=1_000)
    assert len(await service.claim(scheduler)) == 2


async def test_what_is_ahead_counts_to_the_limit(service: Service) -> None:
    """R23: it will run at once when its time comes."""
    scheduler = await service.scheduler()
    await service.worker(types=[LIMITED], max_running=4)
    await service.create(2, job_type=LIMITED, in_seconds=AHEAD)
    assert len(await service.claim(scheduler)) == 2
    await service.create(5, job_type=LIMITED)
    assert len(await service.claim(scheduler)) == 2


async def test_claims_of_two_replicas_do_not_share_one_room(service: Service) -> None:
    """R23: both have seen room for three; the later one counts again when the first has committed."""
    schedulers = [await service.scheduler() for _ in range(2)]
    await service.worker(types=[LIMITED], max_running=3)
    await service.create(9, job_type=LIMITED)
    other = await service.connect()
    async with other.transaction():
        first = await service.inside(other).claim(schedulers[0])
        late = asyncio.create_task(service.claim(schedulers[1]))
        await service.until_blocked()
    assert len(first) == 3
    assert await late == []


async def test_a_worker_that_drains_gets_nothing_ahead(service: Service) -> None:
    """R23: it reports neither slots nor hold allowance."""
    scheduler, worker = await service.scheduler(), await service.worker()
    await service.operations.sessions.renew(worker, Renew(slots=0, hold_slots=0))
    await service.create_one()
    await service.create_one(in_seconds=AHEAD)
    assert await service.claim(scheduler) == []
