"""What counts as lost (R15), who is a suspect, and who is quarantined (DESIGN section 3)."""

from collections.abc import AsyncIterator
from uuid import UUID

import pytest

from job_service.domain.wanted import Change
from shared.contracts.leases import Decision, Lease
from shared.contracts.states import JobStatus, Outcome
from shared.runtime.settings import Claim
from tests.support.checked import checked_service
from tests.support.given import Actors
from tests.support.job_service import Service, seconds_from_now

AHEAD_SECONDS = 50.0
SUSPECT_AFTER = 2
POISON_LOSSES = 3


@pytest.fixture
async def actors(database_url: str) -> AsyncIterator[Actors]:
    """A long look-ahead, so that what is held stays held during a test."""
    async with checked_service(database_url, claim=Claim(lookahead=60.0)) as service:
        yield Actors(service, await service.scheduler(), await service.worker())


async def lose(actors: Actors, times: int) -> None:
    """Everything due is claimed, leased by a worker for each job, and lost with it; that often."""
    service = actors.service
    for _ in range(times):
        for claimed in await service.claim(actors.scheduler):
            worker = await service.worker()
            (lease,) = await service.lease(worker, [claimed])
            assert lease.decision is Decision.GRANTED
            await service.kill(worker)


async def test_a_running_attempt_counts_as_lost(actors: Actors) -> None:
    """R15: it is known to have begun; failures stay."""
    lease = await actors.service.leased_one(actors.scheduler, actors.worker)
    await actors.service.kill(actors.worker)
    job = await actors.service.job(lease.job_id)
    assert (job.status, job.lost, job.failures, job.attempt) == (JobStatus.SCHEDULED, 1, 0, 2)


async def test_an_attempt_held_before_its_time_does_not_count(actors: Actors) -> None:
    """R15: it cannot have begun, no handler starts early."""
    lease = await actors.service.leased_one(
        actors.scheduler, actors.worker, in_seconds=AHEAD_SECONDS
    )
    await actors.service.kill(actors.worker)
    job = await actors.service.job(lease.job_id)
    assert (job.status, job.lost, job.attempt) == (JobStatus.SCHEDULED, 0, 2)


async def test_an_attempt_held_past_its_time_counts(actors: Actors) -> None:
    """R15: it may have begun, the report of its start may have died with its worker."""
    lease = await actors.service.leased_one(
        actors.scheduler, actors.worker, in_seconds=AHEAD_SECONDS
    )
    await actors.service.pass_time(lease.job_id, AHEAD_SECONDS + 1)
    await actors.service.kill(actors.worker)
    job = await actors.service.job(lease.job_id)
    assert (job.status, job.lost, job.attempt) == (JobStatus.SCHEDULED, 1, 2)


async def test_what_was_only_claimed_does_not_count(actors: Actors) -> None:
    """R15: no worker had it."""
    service = actors.service
    job = await service.create_one()
    await service.claim(actors.scheduler)
    assert (await service.kill(actors.scheduler))["armed"] == 1
    assert (await service.job(job.id)).lost == 0


async def test_what_was_given_back_does_not_count(actors: Actors) -> None:
    """R15: its worker said what became of it."""
    lease = await actors.service.leased_one(actors.scheduler, actors.worker)
    await actors.service.release(actors.worker, [lease], "shutdown")
    await actors.service.kill(actors.worker)
    assert (await actors.service.job(lease.job_id)).lost == 0


async def test_nothing_counts_as_lost_in_an_amnesty(actors: Actors) -> None:
    """R15: the silence of a node says nothing then."""
    lease = await actors.service.leased_one(actors.scheduler, actors.worker)
    await actors.service.expire_node(actors.worker)
    await actors.service.duty("reap")
    job = await actors.service.job(lease.job_id)
    assert (job.status, job.lost) == (JobStatus.RUNNING, 0)


async def test_a_worker_holds_one_suspect_at_a_time(actors: Actors) -> None:
    """R23: a job lost twice is a suspect; the second one goes back to due, its attempt stays."""
    service = actors.service
    await service.create(2)
    await lose(actors, SUSPECT_AFTER)
    claimed = await service.claim(actors.scheduler)
    leases = await service.lease(actors.worker, claimed)
    assert sorted(lease.decision for lease in leases) == [Decision.DECLINED, Decision.GRANTED]
    (declined,) = [lease for lease in leases if lease.decision is Decision.DECLINED]
    (granted,) = [lease for lease in leases if lease.decision is Decision.GRANTED]
    assert declined.reason == "one-suspect-at-a-time"
    (again,) = await service.claim(actors.scheduler)
    assert (again.job_id, again.attempt) == (declined.job_id, declined.attempt)
    assert (await service.lease(actors.worker, [again]))[0].decision is Decision.DECLINED
    await service.finish(actors.worker, granted)
    (again,) = await service.claim(actors.scheduler)
    assert (await service.lease(actors.worker, [again]))[0].decision is Decision.GRANTED


async def test_a_suspect_goes_to_another_worker(actors: Actors) -> None:
    """R23: one for each worker, not one for all."""
    service = actors.service
    await service.create(2)
    await lose(actors, SUSPECT_AFTER)
    claimed = await service.claim(actors.scheduler)
    other = await service.worker()
    first = await service.lease(actors.worker, claimed[:1])
    second = await service.lease(other, claimed[1:])
    assert [lease.decision for lease in first + second] == [Decision.GRANTED] * 2


async def test_a_suspect_lost_three_times_more_is_quarantined(actors: Actors) -> None:
    """G8: FAILED for good with the reason poison; its retries are untouched."""
    service = actors.service
    job = await service.create_one()
    await lose(actors, SUSPECT_AFTER + POISON_LOSSES - 1)
    assert (await service.job(job.id)).status is JobStatus.SCHEDULED
    await lose(actors, 1)
    poisoned = await service.job(job.id)
    assert (poisoned.status, poisoned.failures, poisoned.lost) == (JobStatus.FAILED, 0, 5)
    assert poisoned.next_attempt_at is None
    assert poisoned.finished_at is not None
    assert (await service.history(job.id))[-1][1:] == ("RUNNING", "FAILED", "poison")
    assert (await service.stores.jobs.executions_of(job.id))[-1]["status"] == "LOST"


async def test_losses_while_held_never_poison(actors: Actors) -> None:
    """Only losses while it ran, as a suspect, are held against it."""
    service = actors.service
    job = await service.create_one()
    await lose(actors, SUSPECT_AFTER)
    for _ in range(POISON_LOSSES + 1):
        job_now = await service.job(job.id)
        later = Change(seconds_from_now(AHEAD_SECONDS), None, None, None)
        await service.operations.change.change(job.id, job_now.version, later)
        worker = await service.worker()
        (lease,) = await service.lease(worker, await service.claim(actors.scheduler))
        assert not lease.running
        await service.pass_time(job.id, AHEAD_SECONDS + 1)
        await service.kill(worker)
    assert (await service.job(job.id)).status is JobStatus.SCHEDULED


async def test_a_suspect_that_ends_well_is_a_success(actors: Actors) -> None:
    service = actors.service
    job = await service.create_one()
    await lose(actors, SUSPECT_AFTER)
    (lease,) = await service.lease(actors.worker, await service.claim(actors.scheduler))
    await service.finish(actors.worker, lease)
    assert (await service.job(job.id)).status is JobStatus.SUCCESS


async def test_a_retry_of_a_quarantined_job_runs_it_once_more(actors: Actors) -> None:
    """G8: the operator may; the next loss quarantines it again."""
    service = actors.service
    job = await service.create_one()
    await lose(actors, SUSPECT_AFTER + POISON_LOSSES)
    await service.operations.change.schedule_now(job.id, None, [JobStatus.FAILED])
    await lose(actors, 1)
    assert (await service.job(job.id)).status is JobStatus.FAILED
    await service.operations.change.schedule_now(job.id, None, [JobStatus.FAILED])
    (lease,) = await service.lease(actors.worker, await service.claim(actors.scheduler))
    await service.finish(actors.worker, lease)
    assert (await service.job(job.id)).status is JobStatus.SUCCESS


async def test_the_neighbours_of_a_killer_are_never_quarantined(actors: Actors) -> None:
    """G8: a job that kills whoever runs it is found out, and every innocent one beside it succeeds."""
    service = actors.service
    jobs = await service.create(8)
    killer = jobs[3].id
    for _ in range(40):
        await _all_due(service)
        worker = await service.worker()
        claimed = await service.claim(actors.scheduler)
        if not claimed:
            break
        leases = await service.lease(worker, claimed)
        await _run_all(service, worker, [x for x in leases if x.running], killer)
    states = {job.id: (await service.job(job.id)).status for job in jobs}
    assert states.pop(killer) is JobStatus.FAILED
    assert set(states.values()) == {JobStatus.SUCCESS}
    assert (await service.history(killer))[-1][3] == "poison"


async def _run_all(service: Service, worker: UUID, leases: list[Lease], killer: UUID) -> None:
    """The killer takes its worker with it, before anything else has ended."""
    if any(lease.job_id == killer for lease in leases):
        await service.kill(worker)
        return
    for lease in leases:
        await service.finish(worker, lease, Outcome.SUCCESS)


async def _all_due(service: Service) -> None:
    """No back-off is waited for."""
    await service.raw.execute(
        "WITH d AS (UPDATE due SET dispatch_at = now() - interval '1 second' RETURNING job_id, dispatch_at) "
        "UPDATE jobs SET dispatch_at = d.dispatch_at FROM d WHERE jobs.id = d.job_id"
    )
