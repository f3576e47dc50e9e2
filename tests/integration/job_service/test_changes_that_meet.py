"""Two changes of one job at once: the one that waits judges what it then finds (R10, R12, R20)."""

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any
from uuid import UUID

import pytest

from job_service.domain.job import Job
from job_service.domain.wanted import Change, Wanted
from job_service.operations.problems import IllegalTransition, VersionConflict
from shared.contracts.nodes import AttemptRef
from shared.contracts.states import JobStatus, Outcome
from shared.kernel.ids import new_id
from tests.support.given import Actors, created, held, running
from tests.support.job_service import AHEAD, Service, seconds_from_now

RELABEL = Change(None, None, None, '{"a": "b"}')


def at(seconds: float) -> Change:
    return Change(seconds_from_now(seconds), None, None, None)


async def test_of_two_changes_with_one_version_one_takes_effect(actors: Actors) -> None:
    """R10: the second waits for the first, finds its version stale, and moves nothing."""
    service = actors.service
    job = await created(actors)
    first, second = at(500), at(700)
    other = await service.connect()
    async with other.transaction():
        await service.within(other).change.change(job.id, 0, first)
        waiting = asyncio.create_task(service.operations.change.change(job.id, 0, second))
        await service.until_blocked()
    with pytest.raises(VersionConflict):
        await waiting
    due = await service.row("due", job.id)
    assert due is not None
    assert due["dispatch_at"] == first.scheduled_time


async def test_a_cancel_beside_the_end_finds_the_job_settled(actors: Actors) -> None:
    """R10: it waited for the end, then nothing is left to cancel, and it leaves no trace."""
    service = actors.service
    lease = await service.leased_one(actors.scheduler, actors.worker)
    other = await service.connect()
    async with other.transaction():
        await service.inside(other).finish(actors.worker, lease)
        cancel = asyncio.create_task(service.operations.change.cancel(lease.job_id))
        await service.until_blocked()
    with pytest.raises(IllegalTransition):
        await cancel
    assert (await service.history(lease.job_id))[-1] == (3, "RUNNING", "SUCCESS", "succeeded")


async def test_from_is_right_when_a_claim_comes_between(actors: Actors) -> None:
    """R12: a relabelling that waits for a claim changes a SCHEDULED job, not the CREATED one it first saw."""
    service = actors.service
    job = await service.create_one()
    other = await service.connect()
    async with other.transaction():
        await service.inside(other).claim(actors.scheduler)
        relabel = asyncio.create_task(
            service.stores.changes.change([Wanted(job.id, None, new_id())], [RELABEL])
        )
        await service.until_blocked()
    await relabel
    assert (await service.history(job.id))[1:] == [
        (1, "CREATED", "SCHEDULED", "claimed"),
        (2, "SCHEDULED", "SCHEDULED", "changed"),
    ]


async def test_from_is_right_when_a_start_comes_between(actors: Actors) -> None:
    """R12: the same for a cancel that waits for the start of a held job."""
    service = actors.service
    lease = await service.leased_one(actors.scheduler, actors.worker, in_seconds=AHEAD)
    other = await service.connect()
    async with other.transaction():
        await service.inside(other).start(actors.worker, lease)
        cancel = asyncio.create_task(service.operations.change.cancel(lease.job_id))
        await service.until_blocked()
    await cancel
    assert (await service.history(lease.job_id))[3:] == [
        (3, "SCHEDULED", "RUNNING", "started"),
        (4, "RUNNING", "RUNNING", "cancel-asked"),
    ]


async def test_from_is_right_when_the_reaper_waits_for_a_start(actors: Actors) -> None:
    """R12: taken back as RUNNING, and counted as lost, because that is what it was under the lock."""
    service = actors.service
    lease = await service.leased_one(actors.scheduler, actors.worker, in_seconds=AHEAD)
    await service.operations.sessions.leave(actors.worker)
    other = await service.connect()
    async with other.transaction():
        await service.inside(other).start(actors.worker, lease)
        reap = asyncio.create_task(_take_back(service))
        await service.until_blocked()
    await reap
    assert (await service.history(lease.job_id))[-1] == (4, "RUNNING", "SCHEDULED", "lost")
    assert (await service.job(lease.job_id)).lost == 1


async def test_from_is_right_when_a_release_waits_for_a_start(actors: Actors) -> None:
    """R12: given back as RUNNING, not as the held one that the statement first saw."""
    service = actors.service
    lease = await service.leased_one(actors.scheduler, actors.worker, in_seconds=AHEAD)
    other = await service.connect()
    async with other.transaction():
        await service.inside(other).start(actors.worker, lease)
        release = asyncio.create_task(service.release(actors.worker, [lease]))
        await service.until_blocked()
    await release
    assert (await service.history(lease.job_id))[-1] == (4, "RUNNING", "SCHEDULED", "released")


async def _take_back(service: Service) -> None:
    """The reaper waits for a lock briefly and leaves the job for its next round."""
    while not await service.stores.reaping.take_back(10):
        pass


async def _release(service: Service, worker: UUID, job: Job) -> None:
    await service.release(worker, [AttemptRef(job_id=job.id, attempt=job.attempt)])


async def _fail(service: Service, worker: UUID, job: Job) -> None:
    await service.finish(worker, AttemptRef(job_id=job.id, attempt=job.attempt), Outcome.FAILED)


async def _snooze(service: Service, worker: UUID, job: Job) -> None:
    await service.finish(
        worker,
        AttemptRef(job_id=job.id, attempt=job.attempt),
        Outcome.SNOOZED,
        retry_after_seconds=5,
    )


async def _lose(service: Service, worker: UUID, _: Job) -> None:
    await service.operations.sessions.leave(worker)
    await _take_back(service)


WAYS_OUT = pytest.mark.parametrize("leave", [_release, _fail, _snooze, _lose])


@WAYS_OUT
async def test_a_cancel_that_commits_first_is_not_forgotten(
    actors: Actors, leave: Callable[[Service, UUID, Job], Coroutine[Any, Any, None]]
) -> None:
    """R20: whatever takes the job from its holder while the cancel commits ends it CANCELLED."""
    service = actors.service
    job = await running(actors)
    other = await service.connect()
    async with other.transaction():
        await service.within(other).change.cancel(job.id)
        leaving = asyncio.create_task(leave(service, actors.worker, job))
        await service.until_blocked()
    await leaving
    assert (await service.job(job.id)).status is JobStatus.CANCELLED
    assert (await service.history(job.id))[-1][1:3] == ("RUNNING", "CANCELLED")


async def test_a_held_job_whose_cancel_was_asked_ends_by_its_deadline(actors: Actors) -> None:
    """R20: held, cancel asked, and no word from its holder: CANCELLED by the deadline duty."""
    service = actors.service
    job = await held(actors)
    await service.operations.change.cancel(job.id)
    await service.pass_time(job.id, 1000)
    await service.end_amnesty()
    assert (await service.duty("end_overdue"))["ended"] == 1
    assert (await service.job(job.id)).status is JobStatus.CANCELLED
