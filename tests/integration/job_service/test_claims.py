"""What a claim takes, and how often it is sent: R7, R8, R9."""

import asyncio
from collections.abc import Awaitable, Callable
from uuid import UUID

import pytest

from job_service.domain.wanted import Change
from shared.contracts.leases import DeclineReason, LeaseItem, LeaseRequest
from shared.contracts.states import JobStatus, Outcome
from tests.support.books import assert_one_narrow_row
from tests.support.job_service import AHEAD, Service, ref, seconds_from_now
from tests.support.waiting import until


async def test_every_entry_into_scheduled_raises_the_attempt(service: Service) -> None:
    """R7: claimed, tried again, given back, taken from a dead worker: each is a new grant."""
    scheduler, worker = await service.scheduler(), await service.worker()
    job = await service.create_one()
    (first,) = await service.claim(scheduler)
    assert first.attempt == 1
    await service.lease(worker, [first])
    await service.finish(worker, first, Outcome.FAILED, retry_after_seconds=0)
    (second,) = await service.claim(scheduler)
    assert second.attempt == 2
    await service.lease(worker, [second])
    await service.release(worker, [second])
    (third,) = await service.claim(scheduler)
    assert third.attempt == 3
    await service.lease(worker, [third])
    await service.kill(worker)
    assert (await service.job(job.id)).attempt == 4


async def test_a_retry_by_hand_raises_the_attempt_and_its_claim_does_not(service: Service) -> None:
    """R7: the entry into SCHEDULED raises the attempt, the claim of what is SCHEDULED already does not."""
    scheduler, worker = await service.scheduler(), await service.worker()
    lease = await service.leased_one(scheduler, worker)
    await service.finish(worker, lease, Outcome.FAILED, retry=False)
    job = await service.operations.change.schedule_now(lease.job_id, None, [JobStatus.FAILED])
    assert job.attempt == 2
    (claimed,) = await service.claim(scheduler)
    assert (claimed.attempt, claimed.version) == (2, job.version)


async def test_a_claim_of_an_armed_job_changes_nothing_visible(service: Service) -> None:
    """R7: armed again after its record was lost, a job keeps attempt and version when it is claimed."""
    scheduler, _ = await service.scheduler(), await service.worker()
    job = await service.create_one()
    (before,) = await service.claim(scheduler)
    await service.pass_time(job.id, 1000)
    assert (await service.duty("reconcile"))["armed"] == 1
    (after,) = await service.claim(scheduler)
    assert (after.attempt, after.version) == (before.attempt, before.version)
    assert len(await service.history(job.id)) == 2


async def _snoozed(service: Service, scheduler: UUID, worker: UUID) -> UUID:
    lease = await service.leased_one(scheduler, worker)
    await service.finish(worker, lease, Outcome.SNOOZED, retry_after_seconds=0)
    return lease.job_id


async def _failed(service: Service, scheduler: UUID, worker: UUID) -> UUID:
    lease = await service.leased_one(scheduler, worker)
    await service.finish(worker, lease, Outcome.FAILED, retry_after_seconds=0)
    return lease.job_id


async def _released(service: Service, scheduler: UUID, worker: UUID) -> UUID:
    lease = await service.leased_one(scheduler, worker)
    await service.release(worker, [lease])
    return lease.job_id


async def _lost(service: Service, scheduler: UUID, worker: UUID) -> UUID:
    lease = await service.leased_one(scheduler, worker)
    await service.kill(worker)
    return lease.job_id


async def _forgotten(service: Service, scheduler: UUID, worker: UUID) -> UUID:
    job = await service.create_one()
    await service.claim(scheduler)
    await service.kill(scheduler)
    return job.id


async def _declined(service: Service, scheduler: UUID, worker: UUID) -> UUID:
    job = await service.create_one()
    (claimed,) = await service.claim(scheduler)
    item = LeaseItem(job_id=job.id, attempt=claimed.attempt, decline=DeclineReason.NO_SLOT)
    await service.operations.leases.lease(LeaseRequest(node=worker, items=[item]))
    await service.pass_time(job.id, 1)
    return job.id


async def _by_hand(service: Service, scheduler: UUID, worker: UUID) -> UUID:
    job = await service.create_one(in_seconds=1000)
    await service.operations.change.schedule_now(job.id, None, [JobStatus.CREATED])
    return job.id


WAYS = (_snoozed, _failed, _released, _lost, _forgotten, _declined, _by_hand)


@pytest.mark.parametrize("way", WAYS, ids=lambda way: way.__name__.strip("_"))
async def test_whatever_makes_a_job_runnable_has_it_claimed_again(
    service: Service, way: Callable[[Service, UUID, UUID], Awaitable[UUID]]
) -> None:
    """R7: it arms `due` in the same statement, and the next claim publishes it."""
    job_id = await way(service, await service.scheduler(), await service.worker())
    due = await service.row("due", job_id)
    assert due is not None
    assert await service.row("inflight", job_id) is None
    scheduler, _ = await service.scheduler(), await service.worker()
    assert [c.job_id for c in await service.claim(scheduler)] == [job_id]
    assert await service.row("due", job_id) is None


async def test_what_was_not_acknowledged_is_sent_again(service: Service) -> None:
    """R8: until a request acknowledges the batch, it comes again with the same attempts."""
    scheduler, _ = await service.scheduler(), await service.worker()
    await service.create(3)
    lost = await service.claim(scheduler, seq=1, acked=0)
    again = await service.claim(scheduler, seq=2, acked=0)
    assert {(c.job_id, c.attempt, c.version) for c in again} == {
        (c.job_id, c.attempt, c.version) for c in lost
    }
    assert await service.claim(scheduler, seq=3, acked=2) == []


async def test_several_lost_batches_all_come_again(service: Service) -> None:
    """R8: a reply that brings only some of them would acknowledge the others unseen."""
    scheduler, _ = await service.scheduler(), await service.worker()
    jobs = await service.create(3)
    for seq in (1, 2):
        await service.claim(scheduler, seq=seq, acked=0, limit=1)
    last = await service.claim(scheduler, seq=3, acked=0, limit=1)
    rest = await service.claim(scheduler, seq=4, acked=3, limit=1)
    assert {c.job_id for c in last + rest} == {job.id for job in jobs}


async def test_what_is_leased_meanwhile_is_not_sent_again(service: Service) -> None:
    """R8: only what nobody has leased."""
    scheduler, worker = await service.scheduler(), await service.worker()
    await service.create(2)
    first, second = await service.claim(scheduler, seq=1, acked=0)
    await service.lease(worker, [first])
    assert [c.job_id for c in await service.claim(scheduler, seq=2, acked=0)] == [second.job_id]


async def test_an_overtaken_request_claims_nothing(service: Service) -> None:
    """R8: a request that arrives after a later one of its node takes nothing behind the scheduler's back."""
    scheduler, _ = await service.scheduler(), await service.worker()
    await service.claim(scheduler, seq=2, acked=0)
    job = await service.create_one()
    assert await service.claim(scheduler, seq=1, acked=0) == []
    assert await service.row("due", job.id) is not None
    assert [c.job_id for c in await service.claim(scheduler, seq=3, acked=2)] == [job.id]


async def test_an_overtaken_long_poll_claims_nothing(service: Service) -> None:
    """R8: a request that waits is overtaken by a later one while it waits."""
    scheduler, _ = await service.scheduler(), await service.worker()
    given_up = asyncio.create_task(service.claim(scheduler, seq=1, acked=0, wait_seconds=0.4))
    await until(
        lambda: service.raw.fetchval("SELECT count(*) FROM scheduler_claims"),
        what="the long-poll has looked once",
    )
    assert await service.claim(scheduler, seq=2, acked=0) == []
    job = await service.create_one()
    assert await given_up == []
    assert [c.job_id for c in await service.claim(scheduler, seq=3, acked=2)] == [job.id]


async def test_what_an_overtaken_request_claimed_last_comes_with_the_later_one(
    service: Service,
) -> None:
    """R8: a request given up while its claim commits: the later one, which waits for that, brings its jobs.
    Otherwise it would acknowledge them unseen."""
    scheduler, _ = await service.scheduler(), await service.worker()
    await service.claim(scheduler, seq=1, acked=0)
    job = await service.create_one()
    other = await service.connect()
    async with other.transaction():
        assert len(await service.inside(other).claim(scheduler, seq=2, acked=1)) == 1
        later = asyncio.create_task(service.claim(scheduler, seq=3, acked=1))
        await service.until_blocked()
    sent = [c.job_id for c in await later]
    sent += [c.job_id for c in await service.claim(scheduler, seq=4, acked=3)]
    assert sent == [job.id]


async def test_a_stale_due_row_dispatches_nothing(service: Service) -> None:
    """R9: a row of `due` that does not equal its job's time is not claimed."""
    scheduler, _ = await service.scheduler(), await service.worker()
    job = await service.create_one(in_seconds=1000)
    await service.raw.execute("UPDATE due SET dispatch_at = now() - interval '1 hour'")
    assert await service.claim(scheduler) == []
    assert (await service.job(job.id)).version == 0
    await service.raw.execute(
        "UPDATE due AS d SET dispatch_at = j.dispatch_at FROM jobs AS j WHERE j.id = d.job_id"
    )


async def test_a_due_row_of_another_band_dispatches_nothing(service: Service) -> None:
    """R9: nor one that does not equal its job's band."""
    scheduler, _ = await service.scheduler(), await service.worker()
    await service.create_one()
    await service.raw.execute("UPDATE due SET band = 0")
    assert await service.claim(scheduler) == []
    await service.raw.execute("UPDATE due SET band = 2")
    assert len(await service.claim(scheduler)) == 1


@pytest.mark.parametrize("in_seconds", [None, AHEAD], ids=["running", "held"])
async def test_a_due_row_of_a_leased_job_dispatches_nothing(
    service: Service, in_seconds: float | None
) -> None:
    """R9: nor one whose job a worker holds."""
    scheduler, worker = await service.scheduler(), await service.worker()
    lease = await service.leased_one(scheduler, worker, in_seconds=in_seconds)
    await service.raw.execute(
        """INSERT INTO due (job_id, job_type, band, dispatch_at)
           SELECT id, job_type, band, dispatch_at FROM jobs"""
    )
    assert await service.claim(scheduler) == []
    await service.raw.execute("DELETE FROM due")
    assert (await service.job(lease.job_id)).attempt == lease.attempt


@pytest.mark.parametrize("in_seconds", [-5.0, AHEAD], ids=["due", "ahead"])
async def test_a_reschedule_during_a_claim_leaves_one_row(
    service: Service, in_seconds: float
) -> None:
    """R9: the job's row of `due` is moved after the claim began and before the claim locks it. What is claimed
    is off the shelf, or the next claim would take it again and fail."""
    scheduler, _ = await service.scheduler(), await service.worker()
    await service.claim(scheduler)
    job = await service.create_one(in_seconds=in_seconds)
    other = await service.connect()
    async with other.transaction():
        await other.execute("SELECT FROM scheduler_claims FOR UPDATE")
        claiming = asyncio.create_task(service.claim(scheduler))
        await service.until_blocked()
        change = Change(seconds_from_now(in_seconds + 1), None, None, None)
        await service.operations.change.change(job.id, 0, change)
    claimed = await claiming
    await assert_one_narrow_row(service.raw)
    claimed += await service.claim(await service.scheduler())
    assert [c.job_id for c in claimed] == [job.id]


async def test_backoff_and_rearming_move_the_dispatch_and_not_the_promise(service: Service) -> None:
    """R9: `due_at` stays through failure, decline and re-arming."""
    scheduler, worker = await service.scheduler(), await service.worker()
    job = await service.create_one(scheduled_time=seconds_from_now(-60))
    (claimed,) = await service.claim(scheduler)
    await service.lease(worker, [claimed])
    await service.finish(worker, claimed, Outcome.FAILED, retry_after_seconds=0)
    (claimed,) = await service.claim(scheduler)
    item = LeaseItem(job_id=job.id, attempt=2, decline=DeclineReason.UNKNOWN_TYPE)
    await service.operations.leases.lease(LeaseRequest(node=worker, items=[item]))
    row = await service.raw.fetchrow("SELECT due_at, dispatch_at > now() AS later FROM jobs")
    assert row is not None
    assert (row["due_at"], row["later"]) == (job.due_at, True)


async def test_a_job_has_one_due_row(service: Service) -> None:
    """R9: a reschedule moves its row, it makes no second one."""
    job = await service.create_one(in_seconds=1000)
    await service.operations.change.schedule_now(job.id, None, [JobStatus.CREATED])
    rows = await service.raw.fetch("SELECT dispatch_at <= now() AS is_due FROM due")
    assert [row["is_due"] for row in rows] == [True]


async def test_two_schedulers_share_what_is_due(service: Service) -> None:
    """R11: a claim skips the rows of one that is still open, and waits for nobody."""
    one, two = await service.scheduler(), await service.scheduler()
    await service.worker()
    await service.create(10)
    other = await service.connect()
    async with other.transaction():
        first = await service.inside(other).claim(one, limit=4)
        second = await service.claim(two, limit=100)
    assert len(first) == 4
    assert len(second) == 6
    assert not {ref(c) for c in first} & {ref(c) for c in second}


async def test_a_claim_skips_a_job_that_somebody_is_changing(service: Service) -> None:
    """R11: the lock of one job does not hold up the others."""
    scheduler, _ = await service.scheduler(), await service.worker()
    locked, free = await service.create(2)
    other = await service.connect()
    async with other.transaction():
        await other.execute("SELECT FROM jobs WHERE id = $1 FOR UPDATE", locked.id)
        assert [c.job_id for c in await service.claim(scheduler)] == [free.id]
    assert [c.job_id for c in await service.claim(scheduler)] == [locked.id]
