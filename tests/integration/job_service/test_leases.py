"""What a lease grants, to whom, and how often: R1, R2, R6."""

import asyncio

import pytest

from shared.contracts.leases import Decision
from shared.contracts.nodes import AttemptRef
from shared.contracts.states import JobStatus
from shared.kernel.ids import new_id
from tests.support.job_service import AHEAD, Service, ref
from tests.support.snapshots import snapshot

WHEN = pytest.mark.parametrize("in_seconds", [None, AHEAD], ids=["due", "held"])


@WHEN
async def test_a_repeat_is_answered_as_the_first_was(
    service: Service, in_seconds: float | None
) -> None:
    """R1: the same node asks again for what it has: the same grant, and nothing changes."""
    scheduler, worker = await service.scheduler(), await service.worker()
    await service.create_one(in_seconds=in_seconds)
    claimed = await service.claim(scheduler)
    (first,) = await service.lease(worker, claimed)
    assert first.decision is Decision.GRANTED
    assert first.running is (in_seconds is None)
    before = await snapshot(service.raw)
    assert await service.lease(worker, claimed) == [first]
    assert await snapshot(service.raw) == before


async def test_a_repeat_beside_the_first_is_answered_the_same(service: Service) -> None:
    """R1: both on their way at once: one grant, told twice."""
    scheduler, worker = await service.scheduler(), await service.worker()
    job = await service.create_one()
    claimed = await service.claim(scheduler)
    other = await service.connect()
    async with other.transaction():
        first = await service.inside(other).lease(worker, claimed)
        second = asyncio.create_task(service.lease(worker, claimed))
        await service.until_blocked()
    assert await second == first
    assert (await service.job(job.id)).version == 2


async def test_of_two_nodes_one_is_granted_an_attempt(service: Service) -> None:
    """R1: "already yours" is for the holder only; the other one's record is settled by a refusal."""
    scheduler, one, two = (
        await service.scheduler(),
        await service.worker(),
        await service.worker(),
    )
    await service.create_one()
    claimed = await service.claim(scheduler)
    other = await service.connect()
    async with other.transaction():
        (won,) = await service.inside(other).lease(one, claimed)
        asking = asyncio.create_task(service.lease(two, claimed))
        await service.until_blocked()
    (refused,) = await asking
    assert (won.decision, refused.decision) == (Decision.GRANTED, Decision.REFUSED)
    assert refused.reason == "running-at-1"
    assert refused.payload is None


async def test_a_repeat_after_the_end_is_refused(service: Service) -> None:
    """R1: what is over is not granted again."""
    scheduler, worker = await service.scheduler(), await service.worker()
    lease = await service.leased_one(scheduler, worker)
    await service.finish(worker, lease)
    (again,) = await service.lease(worker, [lease])
    assert (again.decision, again.reason) == (Decision.REFUSED, "success-at-1")


async def test_an_old_attempt_and_an_unknown_job_are_refused(service: Service) -> None:
    """R1: each refusal is definite and names how the job stands."""
    scheduler, worker = await service.scheduler(), await service.worker()
    lease = await service.leased_one(scheduler, worker)
    await service.release(worker, [lease])
    unknown = AttemptRef(job_id=new_id(), attempt=1)
    answers = await service.lease(worker, [lease, ref(lease, 3), unknown])
    assert [a.decision for a in answers] == [Decision.REFUSED] * 3
    assert [a.reason for a in answers] == ["scheduled-at-2", "scheduled-at-2", "no-such-job"]


async def test_a_cancelled_job_is_not_granted(service: Service) -> None:
    """R1: a cancel that commits while the lease waits for the job wins."""
    scheduler, worker = await service.scheduler(), await service.worker()
    job = await service.create_one()
    claimed = await service.claim(scheduler)
    other = await service.connect()
    async with other.transaction():
        await service.within(other).change.cancel(job.id)
        asking = asyncio.create_task(service.lease(worker, claimed))
        await service.until_blocked()
    (refused,) = await asking
    assert (refused.decision, refused.reason) == (Decision.REFUSED, "cancelled-at-1")


async def test_compare_names_what_the_node_holds(service: Service) -> None:
    """R2: running and held attempts, neither what it finished nor what it gave back nor what others hold."""
    scheduler, worker, another = (
        await service.scheduler(),
        await service.worker(),
        await service.worker(),
    )
    running = await service.leased_one(scheduler, worker)
    held = await service.leased_one(scheduler, worker, in_seconds=AHEAD)
    done = await service.leased_one(scheduler, worker)
    given_back = await service.leased_one(scheduler, worker, in_seconds=AHEAD)
    await service.leased_one(scheduler, another)
    await service.finish(worker, done)
    await service.release(worker, [given_back])
    holdings = await service.operations.sessions.compare(worker)
    assert holdings.live
    assert set(holdings.holds) == {ref(running), ref(held)}


async def test_compare_does_not_name_a_lease_under_way(service: Service) -> None:
    """R2: a lease that has not committed is not named, so the node must not stop it by this answer."""
    scheduler, worker = await service.scheduler(), await service.worker()
    await service.create_one()
    claimed = await service.claim(scheduler)
    other = await service.connect()
    async with other.transaction():
        await service.inside(other).lease(worker, claimed)
        assert (await service.operations.sessions.compare(worker)).holds == []
    assert (await service.operations.sessions.compare(worker)).holds == [ref(claimed[0])]


async def test_compare_tells_a_dead_node_that_it_is_dead(service: Service) -> None:
    """R2: and names nothing, though the move is still to come."""
    scheduler, worker = await service.scheduler(), await service.worker()
    await service.leased_one(scheduler, worker)
    await service.operations.sessions.leave(worker)
    holdings = await service.operations.sessions.compare(worker)
    assert (holdings.live, holdings.holds) == (False, [])


async def test_what_a_node_holds_unknowingly_it_can_release_and_no_more(service: Service) -> None:
    """R2: a release is fenced: only what this node holds, by this attempt."""
    scheduler, worker, another = (
        await service.scheduler(),
        await service.worker(),
        await service.worker(),
    )
    mine = await service.leased_one(scheduler, worker)
    others = await service.leased_one(scheduler, another)
    released = await service.release(worker, [mine, others, ref(mine, 2)], "unknown")
    assert released == [ref(mine)]
    assert await service.release(worker, [mine], "unknown") == []
    assert (await service.job(others.job_id)).status is JobStatus.RUNNING
    assert (await service.history(mine.job_id))[-1] == (3, "RUNNING", "SCHEDULED", "unknown")


@WHEN
async def test_the_lease_of_an_armed_job_takes_its_due_row(
    service: Service, in_seconds: float | None
) -> None:
    """R6: armed again because its record seemed lost, the job is leased by that very record."""
    scheduler, worker = await service.scheduler(), await service.worker()
    job = await service.create_one(in_seconds=in_seconds)
    (claimed,) = await service.claim(scheduler)
    await service.kill(scheduler)
    assert await service.row("due", job.id) is not None
    (lease,) = await service.lease(worker, [claimed])
    assert lease.decision is Decision.GRANTED
    assert await service.row("due", job.id) is None
    assert await service.claim(await service.scheduler()) == []


async def test_a_lease_that_waits_for_the_arming_takes_its_due_row(service: Service) -> None:
    """R6: the reaper arms the claims of a dead scheduler while a worker asks for one of them."""
    scheduler, worker = await service.scheduler(), await service.worker()
    job = await service.create_one()
    claimed = await service.claim(scheduler)
    await service.operations.sessions.leave(scheduler)
    other = await service.connect()
    async with other.transaction():
        assert await service.inside(other).stores.reaping.arm_claims_of_dead(10) == 1
        asking = asyncio.create_task(service.lease(worker, claimed))
        await service.until_blocked()
    assert [lease.decision for lease in await asking] == [Decision.GRANTED]
    assert await service.row("due", job.id) is None
