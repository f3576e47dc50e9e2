"""Every attempt has a deadline on the server side: R16."""

import asyncio
from collections.abc import AsyncIterator
from uuid import UUID

import pytest

from shared.contracts.nodes import AttemptRef
from shared.contracts.reports import Verdict
from shared.contracts.states import JobStatus, Outcome
from shared.runtime.settings import Claim
from tests.support.checked import checked_service
from tests.support.given import Actors
from tests.support.job_service import Service

AHEAD_SECONDS = 50.0
GRACE_SECONDS = 10.0
TYPE_SECONDS = 60.0
DEFAULT_SECONDS = 300.0


@pytest.fixture
async def actors(database_url: str) -> AsyncIterator[Actors]:
    """A long look-ahead, so that what is held stays held during a test."""
    async with checked_service(database_url, claim=Claim(lookahead=60.0)) as service:
        yield Actors(service, await service.scheduler(), await service.worker())


async def end_overdue(service: Service) -> int:
    """One round of the duty, outside any amnesty."""
    await service.end_amnesty()
    return (await service.duty("end_overdue"))["ended"]


async def test_a_running_attempt_past_its_deadline_failed_and_is_tried_again(
    actors: Actors,
) -> None:
    """R16: its worker lives and says nothing; that is a failure like any other."""
    service = actors.service
    lease = await service.leased_one(actors.scheduler, actors.worker)
    await service.pass_time(lease.job_id, TYPE_SECONDS + GRACE_SECONDS + 1)
    assert await end_overdue(service) == 1
    job = await service.job(lease.job_id)
    assert (job.status, job.failures, job.lost) == (JobStatus.FAILED, 1, 0)
    assert job.next_attempt_at is not None
    assert (await service.history(job.id))[-1][1:] == ("RUNNING", "FAILED", "timeout")
    assert await service.row("due", job.id) is not None
    (execution,) = await service.stores.jobs.executions_of(job.id)
    assert execution["status"] == "FAILED"
    assert execution["ended_at"] is not None
    await service.pass_time(job.id, 1000)
    (claimed,) = await service.claim(actors.scheduler)
    assert (claimed.job_id, claimed.attempt) == (job.id, 2)


async def test_the_last_failure_by_time_out_is_a_dead_letter(actors: Actors) -> None:
    """R16, G8: bounded like every retry."""
    service = actors.service
    lease = await service.leased_one(actors.scheduler, actors.worker, max_attempts=1)
    await service.pass_time(lease.job_id, 1000)
    assert await end_overdue(service) == 1
    job = await service.job(lease.job_id)
    assert (job.status, job.next_attempt_at) == (JobStatus.FAILED, None)
    letters = await service.raw.fetch("SELECT status, job_id FROM unsuccessful")
    assert [tuple(row) for row in letters] == [("FAILED", job.id)]


async def test_a_held_attempt_past_its_deadline_is_lost(actors: Actors) -> None:
    """R16: it may have begun and nobody heard of it; a new attempt is armed."""
    service = actors.service
    lease = await service.leased_one(actors.scheduler, actors.worker, in_seconds=AHEAD_SECONDS)
    await service.pass_time(lease.job_id, 1000)
    assert await end_overdue(service) == 1
    job = await service.job(lease.job_id)
    assert (job.status, job.failures, job.lost) == (JobStatus.SCHEDULED, 0, 1)
    assert (job.attempt, job.node) == (2, None)
    assert (await service.stores.jobs.executions_of(job.id))[0]["status"] == "LOST"


@pytest.mark.parametrize("ahead", [None, AHEAD_SECONDS], ids=["running", "held"])
async def test_a_report_after_the_deadline_is_late_and_noted(
    actors: Actors, ahead: float | None
) -> None:
    """R16: the database has said how it ended; the worker's result is kept as a note only."""
    service = actors.service
    lease = await service.leased_one(actors.scheduler, actors.worker, in_seconds=ahead)
    await service.pass_time(lease.job_id, 1000)
    await end_overdue(service)
    before = await service.job(lease.job_id)
    answer = await service.finish(actors.worker, lease)
    assert (answer.verdict, answer.problem) == (Verdict.LATE, 409)
    assert await service.job(lease.job_id) == before
    (execution,) = await service.stores.jobs.executions_of(lease.job_id)
    assert [(n["kind"], n["outcome"]) for n in execution["notes"]] == [("ZOMBIE", "SUCCESS")]
    await service.finish(actors.worker, lease)
    (execution,) = await service.stores.jobs.executions_of(lease.job_id)
    assert len(execution["notes"]) == 1


async def by_its_own(actors: Actors) -> UUID:
    return (
        await actors.service.leased_one(actors.scheduler, actors.worker, timeout_seconds=20.0)
    ).job_id


async def by_its_type(actors: Actors) -> UUID:
    return (await actors.service.leased_one(actors.scheduler, actors.worker)).job_id


async def by_default(actors: Actors) -> UUID:
    """A type that nobody has declared, started by hand."""
    job = await actors.service.create_one(job_type="GHOST")
    change = actors.service.operations.change
    await change.schedule_now(job.id, None, [JobStatus.CREATED])
    await change.start_by_hand(job.id, None)
    return job.id


async def held(actors: Actors) -> UUID:
    """The time counts from its due time."""
    lease = await actors.service.leased_one(actors.scheduler, actors.worker, in_seconds=30.0)
    return lease.job_id


@pytest.mark.parametrize(
    ("given", "seconds"),
    [
        (by_its_own, 20.0),
        (by_its_type, TYPE_SECONDS),
        (by_default, DEFAULT_SECONDS),
        (held, 30.0 + TYPE_SECONDS),
    ],
)
async def test_the_deadline_is_the_time_out_and_ten_seconds(
    actors: Actors, given: object, seconds: float
) -> None:
    """R16: the job's own time-out, else that of its type, else 300 s; never a moment earlier."""
    assert callable(given)
    job_id = await given(actors)
    await actors.service.pass_time(job_id, seconds + GRACE_SECONDS - 5)
    assert await end_overdue(actors.service) == 0
    await actors.service.pass_time(job_id, 6)
    assert await end_overdue(actors.service) == 1


async def test_an_end_that_commits_first_wins(actors: Actors) -> None:
    """R16: the duty waits for the report and then finds another attempt, or none."""
    service = actors.service
    lease = await service.leased_one(actors.scheduler, actors.worker)
    await service.pass_time(lease.job_id, 1000)
    await service.end_amnesty()
    other = await service.connect()
    async with other.transaction():
        await service.inside(other).finish(actors.worker, lease)
        overdue = asyncio.create_task(service.duty("end_overdue"))
        await service.until_blocked()
    assert (await overdue)["ended"] == 0
    assert (await service.job(lease.job_id)).status is JobStatus.SUCCESS


async def test_a_release_that_commits_first_is_no_loss(actors: Actors) -> None:
    """R15, R16: the duty has seen the attempt before, and finds the next one when it gets the lock."""
    service = actors.service
    lease = await service.leased_one(actors.scheduler, actors.worker)
    await service.pass_time(lease.job_id, 1000)
    await service.end_amnesty()
    other = await service.connect()
    async with other.transaction():
        await service.inside(other).release(actors.worker, [lease])
        overdue = asyncio.create_task(service.duty("end_overdue"))
        await service.until_blocked()
    assert (await overdue)["ended"] == 0
    job = await service.job(lease.job_id)
    assert (job.status, job.attempt, job.lost) == (JobStatus.SCHEDULED, 2, 0)


async def test_the_deadline_of_an_attempt_given_back_ends_nobody_else(actors: Actors) -> None:
    """R16: the next attempt, with another worker, has its own."""
    service = actors.service
    lease = await service.leased_one(actors.scheduler, actors.worker)
    await service.pass_time(lease.job_id, 1000)
    await service.release(actors.worker, [lease])
    await service.lease(await service.worker(), await service.claim(actors.scheduler))
    assert await end_overdue(service) == 0
    ref = AttemptRef(job_id=lease.job_id, attempt=lease.attempt)
    assert (await service.finish(actors.worker, ref, Outcome.FAILED)).verdict is Verdict.LATE
