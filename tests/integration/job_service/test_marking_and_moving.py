"""R4: one statement marks a node dead, a later one moves its jobs, whatever commits between."""

import asyncio

from shared.contracts.nodes import Renew
from shared.contracts.reports import Verdict
from shared.contracts.states import JobStatus
from tests.support.job_service import Service

AT_ONCE_SECONDS = 1.5
"""Below the lock timeout of job_service: who waits for a lock does not make it."""


async def test_a_lease_that_commits_between_mark_and_move_is_taken_back(service: Service) -> None:
    """R4: the mark waits for a lease that is open, and the move sees what it leased."""
    scheduler, worker = await service.scheduler(), await service.worker()
    job = await service.create_one()
    claimed = await service.claim(scheduler)
    await service.expire_node(worker)
    await service.end_amnesty()
    other = await service.connect()
    async with other.transaction():
        await service.inside(other).lease(worker, claimed)
        mark = asyncio.create_task(service.stores.reaping.mark_dead())
        await service.until_blocked()
    assert await mark == 1
    assert [row["id"] for row in await service.stores.reaping.take_back(10)] == [job.id]
    after = await service.job(job.id)
    assert (after.status, after.attempt, after.node) == (JobStatus.SCHEDULED, 2, None)


async def test_a_claim_that_commits_between_mark_and_move_is_armed_again(service: Service) -> None:
    """R4: the same for a scheduler; the job keeps its attempt."""
    scheduler, _ = await service.scheduler(), await service.worker()
    job = await service.create_one()
    await service.expire_node(scheduler)
    await service.end_amnesty()
    other = await service.connect()
    async with other.transaction():
        assert len(await service.inside(other).claim(scheduler)) == 1
        mark = asyncio.create_task(service.stores.reaping.mark_dead())
        await service.until_blocked()
    assert await mark == 1
    assert await service.stores.reaping.arm_claims_of_dead(10) == 1
    assert await service.row("due", job.id) is not None
    assert (await service.job(job.id)).attempt == 1


async def test_a_lease_that_waits_for_the_mark_is_refused(service: Service) -> None:
    """R4: the lease locks the node's row live; once marked it decides nothing."""
    scheduler, worker = await service.scheduler(), await service.worker()
    job = await service.create_one()
    claimed = await service.claim(scheduler)
    await service.expire_node(worker)
    await service.end_amnesty()
    other = await service.connect()
    async with other.transaction():
        assert await service.inside(other).stores.reaping.mark_dead() == 1
        lease = asyncio.create_task(service.lease_reply(worker, claimed))
        await service.until_blocked()
    reply = await lease
    assert (reply.live, reply.leases) == (False, [])
    assert (await service.job(job.id)).node is None


async def test_a_claim_that_waits_for_the_mark_takes_nothing(service: Service) -> None:
    """R4: the same for a scheduler, which learns of its death with the next claim at the latest."""
    scheduler, _ = await service.scheduler(), await service.worker()
    job = await service.create_one()
    await service.expire_node(scheduler)
    await service.end_amnesty()
    other = await service.connect()
    async with other.transaction():
        assert await service.inside(other).stores.reaping.mark_dead() == 1
        claim = asyncio.create_task(service.claim(scheduler))
        await service.until_blocked()
    assert await claim == []
    assert (await service.job(job.id)).status is JobStatus.CREATED
    assert not (await service.claim_reply(scheduler)).live


async def test_a_renewal_waits_for_no_lease_and_no_claim(service: Service) -> None:
    """R4: the key share lock of an open lease or claim does not hold up a renewal."""
    scheduler, worker = await service.scheduler(), await service.worker()
    await service.create(2)
    claimed = await service.claim(scheduler, limit=1)
    one, two = await service.connect(), await service.connect()
    async with one.transaction(), two.transaction():
        assert len(await service.inside(one).lease(worker, claimed)) == 1
        assert len(await service.inside(two).claim(scheduler)) == 1
        for node in (worker, scheduler):
            renewed = service.operations.sessions.renew(node, Renew(slots=100))
            assert (await asyncio.wait_for(renewed, AT_ONCE_SECONDS)).live


async def test_two_leases_of_one_node_do_not_wait_for_each_other(service: Service) -> None:
    """R4: the lock on the node's row is shared."""
    scheduler, worker = await service.scheduler(), await service.worker()
    await service.create(2)
    first, second = await service.claim(scheduler)
    other = await service.connect()
    async with other.transaction():
        await service.inside(other).lease(worker, [first])
        await asyncio.wait_for(service.lease(worker, [second]), AT_ONCE_SECONDS)


async def test_a_renewal_that_commits_before_the_mark_saves_the_node(service: Service) -> None:
    """R4: the mark is a compare-and-set on the session as it is under the lock."""
    worker = await service.worker()
    await service.expire_node(worker)
    await service.end_amnesty()
    other = await service.connect()
    async with other.transaction():
        await service.within(other).sessions.renew(worker, Renew())
        mark = asyncio.create_task(service.stores.reaping.mark_dead())
        await service.until_blocked()
    assert await mark == 0
    assert await service.is_live(worker)


async def test_a_node_once_dead_stays_dead(service: Service) -> None:
    """R4: neither a renewal nor another registration revives it, and it leases nothing."""
    scheduler, worker = await service.scheduler(), await service.worker()
    await service.kill(worker)
    await service.worker()
    await service.create_one()
    assert not (await service.operations.sessions.renew(worker, Renew())).live
    assert not (await service.lease_reply(worker, await service.claim(scheduler))).live
    assert not await service.is_live(worker)


async def test_what_a_dead_node_still_holds_is_looked_for_each_round(service: Service) -> None:
    """R4: a reaper that dies after the mark leaves nothing behind for ever."""
    scheduler, worker = await service.scheduler(), await service.worker()
    held = await service.leased(scheduler, worker, 3)
    await service.create(2)
    await service.claim(scheduler)
    for node in (scheduler, worker):
        await service.expire_node(node)
    await service.end_amnesty()
    assert await service.stores.reaping.mark_dead() == 2
    counts = await service.reap()
    assert (counts["dead"], counts["taken"], counts["armed"]) == (0, len(held), 2)


async def test_a_node_that_leaves_waits_for_its_open_lease(service: Service) -> None:
    """R4: leaving is a mark like any other."""
    scheduler, worker = await service.scheduler(), await service.worker()
    job = await service.create_one()
    claimed = await service.claim(scheduler)
    other = await service.connect()
    async with other.transaction():
        await service.inside(other).lease(worker, claimed)
        leave = asyncio.create_task(service.operations.sessions.leave(worker))
        await service.until_blocked()
    assert (await leave).was_live
    assert (await service.reap())["taken"] == 1
    assert (await service.job(job.id)).status is JobStatus.SCHEDULED


async def test_two_reapers_take_a_job_back_once(service: Service) -> None:
    """R4: the second one waits for the first and finds nothing left to do."""
    scheduler, worker = await service.scheduler(), await service.worker()
    lease = await service.leased_one(scheduler, worker)
    await service.expire_node(worker)
    await service.end_amnesty()
    await service.stores.reaping.mark_dead()
    other = await service.connect()
    async with other.transaction():
        assert len(await service.inside(other).stores.reaping.take_back(10)) == 1
        second = asyncio.create_task(service.stores.reaping.take_back(10))
        await service.until_blocked()
    assert await second == []
    job = await service.job(lease.job_id)
    assert (job.attempt, job.lost) == (2, 1)


async def test_a_late_finish_before_the_reap_is_good(service: Service) -> None:
    """R4: the end of a session is no revocation, only the reap is; the reaper that waits for the finish
    moves nothing."""
    scheduler, worker = await service.scheduler(), await service.worker()
    lease = await service.leased_one(scheduler, worker)
    await service.expire_node(worker)
    await service.end_amnesty()
    await service.stores.reaping.mark_dead()
    other = await service.connect()
    async with other.transaction():
        answer = await service.inside(other).finish(worker, lease)
        take_back = asyncio.create_task(service.stores.reaping.take_back(10))
        await service.until_blocked()
    assert answer.verdict is Verdict.ACCEPTED
    assert await take_back == []
    assert (await service.job(lease.job_id)).status is JobStatus.SUCCESS


async def test_a_lease_that_commits_first_keeps_its_job_from_being_armed(service: Service) -> None:
    """R4, R6: the reaper takes back the claims of a dead scheduler, not what a worker leased meanwhile."""
    scheduler, worker = await service.scheduler(), await service.worker()
    job = await service.create_one()
    claimed = await service.claim(scheduler)
    await service.operations.sessions.leave(scheduler)
    other = await service.connect()
    async with other.transaction():
        await service.inside(other).lease(worker, claimed)
        arm = asyncio.create_task(service.stores.reaping.arm_claims_of_dead(10))
        await service.until_blocked()
    assert await arm == 0
    assert (await service.job(job.id)).status is JobStatus.RUNNING
    assert await service.row("due", job.id) is None


async def test_nobody_is_marked_during_an_amnesty(service: Service) -> None:
    """R14: the mark itself looks at the amnesty, and at the age of the tick: the database may have stood still
    since the tick was written."""
    worker = await service.worker()
    await service.expire_node(worker)
    await service.end_amnesty()
    await service.raw.execute("UPDATE reaper_tick SET suspended_until = now() + interval '5 s'")
    assert await service.stores.reaping.mark_dead() == 0
    await service.end_amnesty()
    await service.raw.execute("UPDATE reaper_tick SET ticked_at = now() - interval '5 s'")
    assert await service.stores.reaping.mark_dead() == 0
    await service.end_amnesty()
    assert await service.stores.reaping.mark_dead() == 1


async def test_a_job_that_a_stranger_has_locked_stops_no_reaper(service: Service) -> None:
    """R4, R14: the others of the dead node are taken back meanwhile, without waiting, and that one later."""
    scheduler, worker = await service.scheduler(), await service.worker()
    leases = await service.leased(scheduler, worker, 3)
    await service.operations.sessions.leave(worker)
    other = await service.connect()
    async with other.transaction():
        await other.execute("SELECT FROM jobs WHERE id = $1 FOR UPDATE", leases[0].job_id)
        assert (await service.reap())["taken"] == 2
    assert (await service.reap())["taken"] == 1


async def test_a_claim_that_a_stranger_has_locked_stops_no_reaper(service: Service) -> None:
    """R4, R14: the same for what a dead scheduler had claimed."""
    scheduler, _ = await service.scheduler(), await service.worker()
    await service.create(3)
    claimed = await service.claim(scheduler)
    await service.operations.sessions.leave(scheduler)
    other = await service.connect()
    async with other.transaction():
        await other.execute("SELECT FROM jobs WHERE id = $1 FOR UPDATE", claimed[0].job_id)
        assert (await service.reap())["armed"] == 2
    assert (await service.reap())["armed"] == 1
