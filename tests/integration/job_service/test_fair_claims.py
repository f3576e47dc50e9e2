"""What a claim may take, and that no type stands in the way of another: R23."""

from collections import Counter
from collections.abc import AsyncIterator
from datetime import timedelta

import pytest

from shared.contracts.leases import Decision, DeclineReason, LeaseItem, LeaseRequest
from shared.contracts.states import JobStatus
from shared.runtime.settings import Claim
from tests.support.checked import checked_service
from tests.support.job_service import DUMMY, Attempt, Service, new_job

CROWD = 10_000
BATCH = 1_000


@pytest.fixture
async def service(database_url: str) -> AsyncIterator[Service]:
    """A long look-ahead, so that what is not due yet is not due during the test."""
    async with checked_service(database_url, claim=Claim(lookahead=60.0)) as running:
        yield running


async def decline(service: Service, worker: object, of: Attempt, reason: DeclineReason) -> Decision:
    item = LeaseItem(job_id=of.job_id, attempt=of.attempt, decline=reason)
    reply = await service.operations.leases.lease(
        LeaseRequest.model_validate({"node": worker, "items": [item]})
    )
    return reply.leases[0].decision


async def test_a_type_that_nobody_runs_blocks_no_other(service: Service) -> None:
    """R23: ten thousand older jobs of a better band stand in front of it."""
    scheduler = await service.scheduler()
    await service.worker()
    for _ in range(CROWD // BATCH):
        crowd = [new_job(job_type="NOBODY", in_seconds=-60, priority=100) for _ in range(BATCH)]
        await service.operations.create.create(crowd)
    mine = await service.create_one(priority=-100)
    (claimed,) = await service.claim(scheduler)
    assert claimed.job_id == mine.id
    assert await service.raw.fetchval("SELECT count(*) FROM due") == CROWD


async def test_each_type_is_claimed_up_to_the_slots_of_its_workers(service: Service) -> None:
    """R23: a limit per type; a slot that comes free is a credit again."""
    scheduler = await service.scheduler()
    few = await service.worker(slots=2, types=["FEW"])
    await service.worker(slots=3, types=["MORE"])
    for job_type in ("FEW", "MORE"):
        await service.create(5, job_type=job_type)
    claimed = await service.claim(scheduler)
    assert Counter(job.job_type for job in claimed) == {"FEW": 2, "MORE": 3}
    assert await service.claim(scheduler) == []
    leases = await service.lease(few, [job for job in claimed if job.job_type == "FEW"])
    await service.finish(few, leases[0])
    (further,) = await service.claim(scheduler)
    assert further.job_type == "FEW"


async def test_a_worker_of_two_types_is_not_claimed_for_twice(service: Service) -> None:
    """R23: the slots bound all types together, and neither type is always the first."""
    scheduler = await service.scheduler()
    worker = await service.worker(slots=1, types=["LEFT", "RIGHT"])
    for job_type in ("LEFT", "RIGHT"):
        await service.create(4, job_type=job_type)
    order = []
    for _ in range(4):
        (claimed,) = await service.claim(scheduler)
        order.append(claimed.job_type)
        (lease,) = await service.lease(worker, [claimed])
        await service.finish(worker, lease)
    assert set(order) == {"LEFT", "RIGHT"}


async def test_nothing_is_claimed_for_workers_that_are_not_there(service: Service) -> None:
    """R23: neither without one, nor for one whose session is over, nor for a dead one."""
    scheduler = await service.scheduler()
    await service.create_one()
    assert await service.claim(scheduler) == []
    worker = await service.worker()
    await service.expire_node(worker)
    assert await service.claim(scheduler) == []
    await service.reap()
    assert await service.claim(scheduler) == []
    await service.worker()
    assert len(await service.claim(scheduler)) == 1


async def test_what_is_not_due_fills_the_hold_allowance_only(service: Service) -> None:
    """R23: holding is not running; the slots stay free for what is due."""
    scheduler = await service.scheduler()
    await service.worker(slots=2, hold_slots=3)
    await service.create(5, in_seconds=50)
    assert len(await service.claim(scheduler)) == 3
    await service.create(5)
    assert len(await service.claim(scheduler)) == 2


async def test_nothing_is_claimed_beyond_the_look_ahead(service: Service) -> None:
    """R23: what is far away takes no allowance of a worker."""
    scheduler = await service.scheduler()
    await service.worker(slots=2, hold_slots=3)
    (far,) = await service.create(1, in_seconds=3_600)
    (near,) = await service.create(1, in_seconds=50)
    assert [job.job_id for job in await service.claim(scheduler)] == [near.id]
    assert (await service.job(far.id)).status is JobStatus.CREATED


@pytest.mark.parametrize(
    ("reason", "most"), [(DeclineReason.NO_SLOT, 0.1), (DeclineReason.UNKNOWN_TYPE, 0.5)]
)
async def test_a_declined_job_goes_back_to_due_for_a_moment(
    service: Service, reason: DeclineReason, most: float
) -> None:
    """R23: with a back-off, the same attempt and no visible change; then anybody may have it."""
    scheduler, worker = await service.scheduler(), await service.worker()
    await service.create_one()
    (claimed,) = await service.claim(scheduler)
    before = await service.job(claimed.job_id)
    asked_at = await service.raw.fetchval("SELECT clock_timestamp()")
    assert await decline(service, worker, claimed, reason) is Decision.DECLINED
    row = await service.row("due", claimed.job_id)
    assert row is not None
    assert row["dispatch_at"] > asked_at + timedelta(seconds=most / 2)
    now = await service.raw.fetchval("SELECT clock_timestamp()")
    assert row["dispatch_at"] <= now + timedelta(seconds=most)
    (again,) = await service.claim(scheduler)
    assert (again.attempt, again.version) == (claimed.attempt, claimed.version)
    assert await service.job(claimed.job_id) == before
    (lease,) = await service.lease(await service.worker(), [again])
    assert lease.decision is Decision.GRANTED


async def test_a_decline_of_what_is_leased_or_over_changes_nothing(service: Service) -> None:
    """R23: a second record of the same attempt, read by a worker that cannot run it."""
    scheduler, worker = await service.scheduler(), await service.worker()
    lease = await service.leased_one(scheduler, worker)
    other = await service.worker(types=["OTHER"])
    assert await decline(service, other, lease, DeclineReason.UNKNOWN_TYPE) is Decision.DECLINED
    assert (await service.job(lease.job_id)).node == worker
    await service.finish(worker, lease)
    await decline(service, other, lease, DeclineReason.UNKNOWN_TYPE)
    assert (await service.job(lease.job_id)).status is JobStatus.SUCCESS


async def test_a_better_band_is_claimed_first(service: Service) -> None:
    """Priorities fall into bands; within one the older is first."""
    scheduler = await service.scheduler()
    await service.worker(slots=3, types=[DUMMY])
    low = await service.create_one(priority=-100, in_seconds=-300)
    normal = await service.create_one(in_seconds=-30)
    old = await service.create_one(priority=100, in_seconds=-1)
    await service.pass_time(old.id, 60)
    new = await service.create_one(priority=100, in_seconds=-1)
    claimed = {job.job_id for job in await service.claim(scheduler, limit=2)}
    assert claimed == {old.id, new.id}
    assert [job.job_id for job in await service.claim(scheduler)] == [normal.id]
    assert (await service.job(low.id)).status is JobStatus.CREATED


async def test_a_job_that_finds_no_slot_keeps_its_place_among_those_that_wait(
    service: Service,
) -> None:
    """R23: others wait longer than the back-off anyway. Sent behind all of them it would wait for the whole
    backlog again, each time that a worker is full."""
    scheduler, worker = await service.scheduler(), await service.worker(slots=1)
    oldest = await service.create_one()
    await service.pass_time(oldest.id, 60)
    (claimed,) = await service.claim(scheduler)
    later = await service.create_one()
    await service.pass_time(later.id, 30)
    await decline(service, worker, claimed, DeclineReason.NO_SLOT)
    assert [job.job_id for job in await service.claim(scheduler, limit=1)] == [oldest.id]


async def test_what_a_worker_cannot_run_is_behind_those_that_wait(service: Service) -> None:
    """R23: it must not come back at once, or it stands in the way of what can be run."""
    scheduler, worker = await service.scheduler(), await service.worker(slots=1)
    oldest = await service.create_one()
    await service.pass_time(oldest.id, 60)
    (claimed,) = await service.claim(scheduler)
    later = await service.create_one()
    await service.pass_time(later.id, 30)
    await decline(service, worker, claimed, DeclineReason.UNKNOWN_TYPE)
    back, waits = await service.row("due", oldest.id), await service.row("due", later.id)
    assert back is not None
    assert waits is not None
    assert back["dispatch_at"] > waits["dispatch_at"]


async def test_what_a_dead_scheduler_had_claimed_keeps_its_place(service: Service) -> None:
    """R23: it waits longest, so it is claimed first."""
    dying = await service.scheduler()
    await service.worker(slots=1)
    oldest = await service.create_one()
    await service.pass_time(oldest.id, 60)
    await service.claim(dying)
    later = await service.create_one()
    await service.pass_time(later.id, 30)
    await service.kill(dying)
    other = await service.scheduler()
    assert [job.job_id for job in await service.claim(other, limit=1)] == [oldest.id]
