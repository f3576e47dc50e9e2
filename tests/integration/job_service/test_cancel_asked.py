"""A cancel of what a worker holds: R20."""

from collections.abc import AsyncIterator, Awaitable, Callable

import pytest

from job_service.operations.problems import IllegalTransition
from shared.contracts.leases import Lease
from shared.contracts.nodes import AskCancels, AttemptRef
from shared.contracts.states import JobStatus, Outcome
from shared.runtime.settings import Claim
from tests.support.checked import checked_service
from tests.support.given import Actors
from tests.support.job_service import ref, start_of

AHEAD_SECONDS = 50.0


@pytest.fixture
async def actors(database_url: str) -> AsyncIterator[Actors]:
    """A long look-ahead, so that what is held stays held during a test."""
    async with checked_service(database_url, claim=Claim(lookahead=60.0)) as service:
        yield Actors(service, await service.scheduler(), await service.worker())


async def failed(actors: Actors, lease: Lease) -> None:
    await actors.service.report(actors.worker, starts=[start_of(lease)])
    await actors.service.finish(actors.worker, lease, Outcome.FAILED)


async def snoozed(actors: Actors, lease: Lease) -> None:
    await actors.service.report(actors.worker, starts=[start_of(lease)])
    await actors.service.finish(actors.worker, lease, Outcome.SNOOZED, retry_after_seconds=5)


async def cancelled(actors: Actors, lease: Lease) -> None:
    await actors.service.finish(actors.worker, lease, Outcome.CANCELLED)


async def released(actors: Actors, lease: Lease) -> None:
    await actors.service.release(actors.worker, [lease], "shutdown")


async def reaped(actors: Actors, lease: Lease) -> None:
    assert lease.job_id
    await actors.service.kill(actors.worker)


async def overdue(actors: Actors, lease: Lease) -> None:
    await actors.service.pass_time(lease.job_id, 1000)
    await actors.service.end_amnesty()
    await actors.service.duty("end_overdue")


WAYS_OUT = [failed, snoozed, cancelled, released, reaped, overdue]


@pytest.mark.parametrize("ahead", [None, AHEAD_SECONDS], ids=["running", "held"])
@pytest.mark.parametrize("leave", WAYS_OUT, ids=[way.__name__ for way in WAYS_OUT])
async def test_whatever_ends_the_attempt_the_job_is_cancelled(
    actors: Actors, ahead: float | None, leave: Callable[[Actors, Lease], Awaitable[None]]
) -> None:
    """R20: running or held, failed, snoozed, given back, lost or out of time: it is never run again."""
    service = actors.service
    lease = await service.leased_one(actors.scheduler, actors.worker, in_seconds=ahead)
    job, over = await service.operations.change.cancel(lease.job_id)
    assert not over
    assert job.cancel_requested
    await leave(actors, lease)
    job = await service.job(lease.job_id)
    assert (job.status, job.attempt, job.failures) == (JobStatus.CANCELLED, 1, 0)
    assert job.finished_at is not None
    assert await service.row("due", job.id) is None
    (execution,) = await service.stores.jobs.executions_of(job.id)
    assert execution["ended_at"] is not None
    with pytest.raises(IllegalTransition):
        await service.operations.change.cancel(job.id)


@pytest.mark.parametrize("ahead", [None, AHEAD_SECONDS], ids=["running", "held"])
async def test_success_wins(actors: Actors, ahead: float | None) -> None:
    """R20: what was done is done."""
    service = actors.service
    lease = await service.leased_one(actors.scheduler, actors.worker, in_seconds=ahead)
    await service.operations.change.cancel(lease.job_id)
    starts = [] if lease.running else [start_of(lease)]
    await service.report(actors.worker, starts=starts)
    await service.finish(actors.worker, lease, Outcome.SUCCESS)
    assert (await service.job(lease.job_id)).status is JobStatus.SUCCESS


async def test_a_second_cancel_changes_nothing(actors: Actors) -> None:
    """R20: it is answered like the first."""
    service = actors.service
    lease = await service.leased_one(actors.scheduler, actors.worker)
    first, _ = await service.operations.change.cancel(lease.job_id)
    second, over = await service.operations.change.cancel(lease.job_id)
    assert (second, over) == (first, False)


async def test_the_holder_hears_of_it_until_it_says_so(actors: Actors) -> None:
    """R20: level-triggered, for this node's attempts only."""
    service = actors.service
    lease = await service.leased_one(actors.scheduler, actors.worker)
    await service.operations.change.cancel(lease.job_id)
    ask = service.operations.cancels.ask
    nothing = AskCancels(wait_seconds=0)
    for _ in range(2):
        assert (await ask(actors.worker, nothing)).cancels == [ref(lease)]
    assert (await ask(await service.worker(), nothing)).cancels == []
    known = AskCancels(known=[AttemptRef(job_id=lease.job_id, attempt=1)], wait_seconds=0)
    assert (await ask(actors.worker, known)).cancels == []
    await service.finish(actors.worker, lease, Outcome.CANCELLED)
    assert (await ask(actors.worker, nothing)).cancels == []
