"""Jobs of one ordering key run one at a time, in due order: R19."""

from collections.abc import Awaitable, Callable
from uuid import UUID

import pytest

from job_service.domain.job import Job
from job_service.domain.listed import Wish
from job_service.domain.wanted import Change
from job_service.operations.problems import IllegalTransition
from shared.contracts.leases import Decision, DeclineReason, LeaseItem, LeaseRequest
from shared.contracts.nodes import AttemptRef
from shared.contracts.states import JobStatus, Outcome
from shared.kernel.ids import new_id
from tests.support.books import assert_one_narrow_row
from tests.support.given import Actors
from tests.support.job_service import (
    AHEAD,
    DUMMY,
    Service,
    end_of,
    new_job,
    seconds_from_now,
)

KEY = "customer 7"
LONG = 1_000.0


async def take(actors: Actors) -> list[AttemptRef]:
    """All that may be claimed now, leased."""
    claimed = await actors.service.claim(actors.scheduler)
    if claimed:
        await actors.service.lease(actors.worker, claimed)
    return [AttemptRef(job_id=c.job_id, attempt=c.attempt) for c in claimed]


async def take_one(actors: Actors) -> AttemptRef:
    """The one that may be claimed now."""
    (only,) = await take(actors)
    return only


async def two(actors: Actors, **fields: object) -> tuple[Job, Job]:
    """Two of the key, the second due a second after the first."""
    first = await actors.service.create_one(ordering_key=KEY, in_seconds=-2, **fields)
    return first, await actors.service.create_one(ordering_key=KEY, in_seconds=-1)


async def test_one_at_a_time_in_due_order(actors: Actors) -> None:
    """R19: whatever the order of creation and the priority; ties go by id."""
    service = actors.service
    late = await service.create_one(ordering_key=KEY, in_seconds=-10, priority=100)
    tied = await service.create(3, ordering_key=KEY, scheduled_time=seconds_from_now(-20))
    early = await service.create_one(ordering_key=KEY, in_seconds=-30, priority=-100)
    await assert_one_narrow_row(service.raw)
    ran = []
    for _ in range(5):
        lease = await take_one(actors)
        assert await service.claim(actors.scheduler) == []
        ran.append(lease.job_id)
        await service.finish(actors.worker, lease)
        await assert_one_narrow_row(service.raw)
    assert ran == [early.id, *sorted(job.id for job in tied), late.id]
    assert await service.raw.fetchval("SELECT count(*) FROM ordering_keys") == 0


async def test_keys_do_not_stand_in_the_way_of_each_other(actors: Actors) -> None:
    """R19: as many run at once as there are keys, and those without a key besides; one report settles many."""
    service = actors.service
    jobs = [new_job(ordering_key=f"key {n}") for n in range(5) for _ in range(3)]
    await service.operations.create.create([*jobs, new_job(), new_job()])
    for expected in (7, 5, 5):
        taken = await take(actors)
        assert len(taken) == expected
        await service.report(actors.worker, ends=[end_of(one) for one in taken])
    assert await take(actors) == []


async def test_one_of_a_key_that_comes_before_a_waiting_head_takes_its_place(
    actors: Actors,
) -> None:
    """R19: the head is not taken before its claim; one that is claimed ahead stays."""
    service = actors.service
    head = await service.create_one(ordering_key=KEY, in_seconds=LONG)
    before = await service.create_one(ordering_key=KEY, in_seconds=AHEAD)
    await assert_one_narrow_row(service.raw)
    (claimed,) = await service.claim(actors.scheduler)
    assert claimed.job_id == before.id
    now = await service.create_one(ordering_key=KEY)
    assert await service.claim(actors.scheduler) == []
    assert await service.row("in_line", now.id)
    assert await service.row("in_line", head.id)


async def _fails_for_good(actors: Actors, job: AttemptRef) -> None:
    await actors.service.finish(actors.worker, job, Outcome.FAILED, retry=False)


async def _succeeds(actors: Actors, job: AttemptRef) -> None:
    await actors.service.finish(actors.worker, job)


async def _is_cancelled(actors: Actors, job: AttemptRef) -> None:
    await actors.service.operations.change.cancel(job.job_id)
    await actors.service.finish(actors.worker, job, Outcome.CANCELLED)


async def _is_cancelled_and_lost(actors: Actors, job: AttemptRef) -> None:
    await actors.service.operations.change.cancel(job.job_id)
    await actors.service.kill(actors.worker)


async def _is_abandoned(actors: Actors, job: AttemptRef) -> None:
    await actors.service.finish(actors.worker, job, Outcome.FAILED, retry_after_seconds=LONG)
    await actors.service.operations.change.abandon(job.job_id, None)


async def _is_cancelled_backing_off(actors: Actors, job: AttemptRef) -> None:
    await actors.service.finish(actors.worker, job, Outcome.FAILED, retry_after_seconds=LONG)
    await actors.service.operations.change.cancel(job.job_id)


async def _misses_its_deadline(actors: Actors, job: AttemptRef) -> None:
    await actors.service.end_amnesty()
    await actors.service.raw.execute("UPDATE jobs SET max_attempts = 1 WHERE id = $1", job.job_id)
    await actors.service.pass_time(job.job_id, LONG)
    assert (await actors.service.duty("end_overdue"))["ended"] == 1


async def _is_snoozed(actors: Actors, job: AttemptRef) -> None:
    await actors.service.finish(actors.worker, job, Outcome.SNOOZED, retry_after_seconds=LONG)


Leaves = Callable[[Actors, AttemptRef], Awaitable[None]]


@pytest.mark.parametrize(
    "leaves",
    [
        _succeeds,
        _fails_for_good,
        _is_cancelled,
        _is_cancelled_and_lost,
        _is_abandoned,
        _is_cancelled_backing_off,
        _misses_its_deadline,
        _is_snoozed,
    ],
)
async def test_what_settles_or_goes_behind_frees_its_key(actors: Actors, leaves: Leaves) -> None:
    """R19: the statement that does it puts the next one on the shelf."""
    _, second = await two(actors)
    first = await take_one(actors)
    await leaves(actors, first)
    await actors.service.worker()
    assert [c.job_id for c in await actors.service.claim(actors.scheduler)] == [second.id]


async def test_one_that_never_ran_frees_its_key(actors: Actors) -> None:
    """R19: cancelled or expired before its claim or after it, at the head and in the line."""
    service = actors.service
    jobs = [
        await service.create_one(ordering_key=KEY, in_seconds=-10 + n, expires_at=expires)
        for n, expires in enumerate([None, seconds_from_now(-1), None, seconds_from_now(-1), None])
    ]
    (claimed,) = await service.claim(actors.scheduler)
    await service.operations.change.cancel(jobs[2].id)
    assert await service.claim(actors.scheduler) == []
    await service.operations.change.cancel(claimed.job_id)
    assert (await service.duty("expire"))["expired"] == 2
    assert [c.job_id for c in await service.claim(actors.scheduler)] == [jobs[4].id]


async def test_a_poisoned_one_frees_its_key(service: Service) -> None:
    """R19: quarantined, so the next one runs."""
    scheduler = await service.scheduler()
    first, second = [await service.create_one(ordering_key=KEY, in_seconds=-2 + n) for n in (0, 1)]
    for _ in range(5):
        worker = await service.worker()
        claimed = await service.claim(scheduler)
        assert [c.job_id for c in claimed] == [first.id]
        await service.lease(worker, claimed)
        await service.kill(worker)
    assert (await service.job(first.id)).status is JobStatus.FAILED
    await service.worker()
    assert [c.job_id for c in await service.claim(scheduler)] == [second.id]


async def _is_released(actors: Actors, job: AttemptRef) -> None:
    await actors.service.release(actors.worker, [job])


async def _is_lost(actors: Actors, job: AttemptRef) -> None:
    await actors.service.kill(actors.worker)


async def _backs_off(actors: Actors, job: AttemptRef) -> None:
    await actors.service.finish(actors.worker, job, Outcome.FAILED, retry_after_seconds=LONG)


async def _is_late_and_tried_again(actors: Actors, job: AttemptRef) -> None:
    await actors.service.end_amnesty()
    await actors.service.pass_time(job.job_id, LONG)
    assert (await actors.service.duty("end_overdue"))["ended"] == 1


@pytest.mark.parametrize("goes_on", [_is_released, _is_lost, _backs_off, _is_late_and_tried_again])
async def test_what_goes_on_keeps_its_key(actors: Actors, goes_on: Leaves) -> None:
    """R19: given back, lost, or backing off: nobody passes it, not even one that is due earlier."""
    await two(actors)
    first = await take_one(actors)
    await goes_on(actors, first)
    await actors.service.create_one(ordering_key=KEY, in_seconds=-LONG)
    await actors.service.worker()
    assert {c.job_id for c in await actors.service.claim(actors.scheduler)} <= {first.job_id}
    await actors.service.pass_time(first.job_id, LONG)
    again = await actors.service.claim(actors.scheduler)
    assert {c.job_id for c in again} <= {first.job_id}


async def test_a_claim_that_comes_back_keeps_its_key(actors: Actors) -> None:
    """R19: declined, claimed by a scheduler that died, or never published."""
    service = actors.service
    await two(actors)
    (claimed,) = await service.claim(actors.scheduler)
    item = LeaseItem(
        job_id=claimed.job_id, attempt=claimed.attempt, decline=DeclineReason.UNKNOWN_TYPE
    )
    await service.operations.leases.lease(LeaseRequest(node=actors.worker, items=[item]))
    before = await service.create_one(ordering_key=KEY, in_seconds=-LONG)
    assert await service.row("in_line", before.id)
    await service.pass_time(claimed.job_id, LONG)
    (again,) = await service.claim(actors.scheduler)
    assert again.job_id == claimed.job_id
    await service.kill(actors.scheduler)
    (other,) = await service.claim(await service.scheduler())
    assert other.job_id == claimed.job_id
    await service.pass_time(claimed.job_id, LONG)
    assert (await service.duty("reconcile"))["armed"] == 1
    assert await service.row("in_line", before.id)


async def test_a_type_may_pass_its_key_while_it_backs_off(service: Service) -> None:
    """R19: its declaration says so; its next try then comes in the order of its time."""
    scheduler, worker = await service.scheduler(), await service.worker(passes_key=True)
    actors = Actors(service, scheduler, worker)
    first, second = await two(actors)
    later = await service.create_one(ordering_key=KEY, in_seconds=2 * LONG)
    lease = await take_one(actors)
    assert lease.job_id == first.id
    await service.finish(worker, lease, Outcome.FAILED, retry_after_seconds=LONG)
    await assert_one_narrow_row(service.raw)
    lease = await take_one(actors)
    assert lease.job_id == second.id
    await service.finish(worker, lease)
    due = await service.row("due", first.id)
    assert due is not None
    assert due["status"] == "FAILED"
    assert await service.row("in_line", later.id)


async def test_a_new_time_moves_a_job_within_its_key(actors: Actors) -> None:
    """R19: at the head and in the line, and a claimed one gives its key back."""
    service, change = actors.service, actors.service.operations.change
    first, second = await two(actors)
    third = await service.create_one(ordering_key=KEY, in_seconds=LONG)
    await change.change(third.id, 0, Change(seconds_from_now(-60), None, None, None))
    (claimed,) = await service.claim(actors.scheduler)
    assert claimed.job_id == third.id
    await change.change(third.id, 2, Change(seconds_from_now(2 * LONG), None, None, None))
    await assert_one_narrow_row(service.raw)
    (claimed,) = await service.claim(actors.scheduler)
    assert claimed.job_id == first.id
    await change.take_back(first.id, None)
    await change.change(second.id, 0, Change(seconds_from_now(-30), 50, 1, None))
    assert [c.job_id for c in await service.claim(actors.scheduler)] == [second.id]
    assert await service.row("in_line", third.id)


async def test_by_hand_a_job_gets_no_further_than_its_line(actors: Actors) -> None:
    """R19: made due now it waits for its turn; it cannot be started for an executor outside."""
    service, change = actors.service, actors.service.operations.change
    await two(actors)
    lease = await take_one(actors)
    third = await service.create_one(ordering_key=KEY, in_seconds=LONG)
    scheduled = await change.schedule_now(third.id, None, [JobStatus.CREATED])
    assert scheduled.status is JobStatus.SCHEDULED
    assert await service.claim(actors.scheduler) == []
    with pytest.raises(IllegalTransition, match="ordering key"):
        await change.start_by_hand(third.id, None)
    await service.finish(actors.worker, lease, Outcome.FAILED, retry=False)
    second = await take_one(actors)
    await service.finish(actors.worker, second)
    retried = await change.schedule_now(lease.job_id, None, [JobStatus.FAILED])
    assert retried.status is JobStatus.SCHEDULED
    ran: list[UUID] = []
    while taken := await take(actors):
        (one,) = taken
        ran.append(one.job_id)
        await service.finish(actors.worker, one)
    assert sorted(ran) == sorted([third.id, lease.job_id])


async def test_an_attempt_outside_holds_the_key(actors: Actors) -> None:
    """R19, R17: until its token ends it."""
    service, change = actors.service, actors.service.operations.change
    first, second = await two(actors)
    await change.schedule_now(first.id, None, [JobStatus.CREATED])
    _, token = await change.start_by_hand(first.id, None)
    assert await service.claim(actors.scheduler) == []
    await change.end_by_hand(first.id, None, JobStatus.SUCCESS, token)
    assert [c.job_id for c in await service.claim(actors.scheduler)] == [second.id]


async def test_a_pause_keeps_the_order(actors: Actors) -> None:
    """R19: what is taken back because its type was paused comes first again; another type waits behind it."""
    service = actors.service
    first, _ = await two(actors)
    await service.worker(types=["OTHER"])
    await service.create_one(ordering_key=KEY, in_seconds=-1, job_type="OTHER")
    await service.claim(actors.scheduler)
    await service.operations.pauses.pause(DUMMY)
    assert (await service.job(first.id)).status is JobStatus.CREATED
    assert await service.claim(actors.scheduler) == []
    await service.operations.pauses.resume(DUMMY)
    assert [c.job_id for c in await service.claim(actors.scheduler)] == [first.id]


async def test_a_rerun_gets_in_line_and_a_deleted_job_leaves_no_key(actors: Actors) -> None:
    """R19: a rerun is a job of the same key."""
    service = actors.service
    first, second = await two(actors)
    await service.finish(actors.worker, await take_one(actors))
    rerun, _ = await service.operations.rerun.rerun(
        first.id, None, new_id=new_id(), traceparent=None, key=None
    )
    assert await service.row("in_line", rerun.id)
    await service.operations.delete.delete(first.id, None)
    assert [c.job_id for c in await service.claim(actors.scheduler)] == [second.id]


async def test_lists_know_what_waits_in_line(actors: Actors) -> None:
    """R19: as CREATED or, by hand, as SCHEDULED."""
    service = actors.service
    first, second = await two(actors)
    third = await service.create_one(ordering_key=KEY, in_seconds=LONG)
    await service.operations.change.schedule_now(third.id, None, [JobStatus.CREATED])
    for status, expected in (("CREATED", {first.id, second.id}), ("SCHEDULED", {third.id})):
        wish = Wish(statuses=frozenset({JobStatus(status)}))
        page = await service.stores.listing.page(wish, below=None, limit=50)
        assert {job.id for job in page.jobs} == expected


async def test_a_forged_record_starts_nothing_that_waits_in_line(actors: Actors) -> None:
    """R19: a record that names the attempt of a job made due by hand is refused, and sends nothing back."""
    service = actors.service
    await two(actors)
    third = await service.create_one(ordering_key=KEY, in_seconds=LONG)
    await service.operations.change.schedule_now(third.id, None, [JobStatus.CREATED])
    forged = AttemptRef(job_id=third.id, attempt=1)
    (lease,) = await service.lease(actors.worker, [forged])
    assert (lease.decision, lease.reason) == (Decision.REFUSED, "ordering-key-taken")
    item = LeaseItem(job_id=third.id, attempt=1, decline=DeclineReason.NO_SLOT)
    await service.operations.leases.lease(LeaseRequest(node=actors.worker, items=[item]))
    assert await service.row("due", third.id) is None
