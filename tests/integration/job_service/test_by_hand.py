"""States set by hand, and attempts of executors outside: R17."""

import pytest

from job_service.domain.job import Job
from job_service.operations.problems import IllegalTransition, LeaseLost, VersionConflict
from shared.contracts.leases import Decision
from shared.contracts.nodes import AttemptRef
from shared.contracts.reports import Verdict
from shared.contracts.states import JobStatus
from tests.support.given import (
    Actors,
    cancelled,
    claimed,
    created,
    dead_letter,
    failed,
    held,
    running,
    succeeded,
)
from tests.support.job_service import Service

S = JobStatus


async def by_hand(service: Service, **fields: object) -> tuple[Job, str]:
    """A job that an executor outside runs, and its token."""
    job = await service.create_one(**fields)
    await service.operations.change.schedule_now(job.id, None, [S.CREATED])
    return await service.operations.change.start_by_hand(job.id, None)


@pytest.mark.parametrize("status", [S.SUCCESS, S.FAILED])
async def test_an_attempt_started_by_hand_ends_with_its_token(
    actors: Actors, status: JobStatus
) -> None:
    """R17: both edges belong to the outside executor, and history says so."""
    service = actors.service
    job, token = await by_hand(service)
    assert (job.status, job.attempt) == (S.RUNNING, 1)
    ended = await service.operations.change.end_by_hand(job.id, job.version, status, token)
    assert ended.status is status
    assert (ended.next_attempt_at is not None) == (status is S.FAILED)
    rows = await service.stores.jobs.history_of(job.id)
    told = [(r["to_status"], r["reason"], r["actor"]) for r in rows]
    assert told == [
        ("CREATED", "created", "client"),
        ("SCHEDULED", "by-hand", "client"),
        ("RUNNING", "by-hand", "outside"),
        (status.value, "by-hand", "outside"),
    ]
    (execution,) = await service.stores.jobs.executions_of(job.id)
    assert (execution["attempt"], execution["status"]) == (1, status.value)


@pytest.mark.parametrize("token", [None, "", "wrong"])
async def test_without_the_right_token_it_does_not_end(actors: Actors, token: str | None) -> None:
    """R17: neither without one nor with somebody's guess."""
    job, _ = await by_hand(actors.service)
    with pytest.raises(LeaseLost):
        await actors.service.operations.change.end_by_hand(job.id, None, S.SUCCESS, token)
    assert (await actors.service.job(job.id)).version == job.version


async def test_the_token_of_an_attempt_before_is_worthless(actors: Actors) -> None:
    """R17: a new attempt has a new token; the old executor is fenced off."""
    service, change = actors.service, actors.service.operations.change
    job, old = await by_hand(service)
    await service.pass_time(job.id, 1000)
    await service.end_amnesty()
    await service.duty("end_overdue")
    with pytest.raises(IllegalTransition):
        await change.end_by_hand(job.id, None, S.SUCCESS, old)
    await change.schedule_now(job.id, None, [S.FAILED])
    again, new = await change.start_by_hand(job.id, None)
    assert again.attempt == 2
    with pytest.raises(LeaseLost):
        await change.end_by_hand(job.id, None, S.SUCCESS, old)
    assert (await change.end_by_hand(job.id, None, S.SUCCESS, new)).status is S.SUCCESS


async def test_a_token_ends_its_attempt_once(actors: Actors) -> None:
    """R17, G4: afterwards the state is final."""
    change = actors.service.operations.change
    job, token = await by_hand(actors.service)
    await change.end_by_hand(job.id, None, S.SUCCESS, token)
    with pytest.raises(IllegalTransition):
        await change.end_by_hand(job.id, None, S.FAILED, token)


@pytest.mark.parametrize("status", [S.SUCCESS, S.FAILED])
async def test_an_attempt_of_a_worker_is_not_ended_by_hand(
    actors: Actors, status: JobStatus
) -> None:
    """R17: not even with the token of an outside attempt of the same job."""
    service, change = actors.service, actors.service.operations.change
    job, token = await by_hand(service)
    await change.end_by_hand(job.id, None, S.FAILED, token)
    await service.pass_time(job.id, 1000)
    (lease,) = await service.lease(actors.worker, await service.claim(actors.scheduler))
    with pytest.raises(LeaseLost):
        await change.end_by_hand(job.id, None, status, token)
    assert (await service.finish(actors.worker, lease)).verdict is Verdict.ACCEPTED


async def test_a_worker_neither_gets_nor_ends_nor_gives_back_an_outside_attempt(
    actors: Actors,
) -> None:
    """R17: its record may still be on the topic."""
    service = actors.service
    job = await service.create_one()
    (record,) = await service.claim(actors.scheduler)
    started, token = await service.operations.change.start_by_hand(job.id, None)
    assert (await service.lease(actors.worker, [record]))[0].decision is Decision.REFUSED
    assert (await service.finish(actors.worker, record)).verdict is Verdict.LATE
    assert await service.release(actors.worker, [record]) == []
    assert await service.job(job.id) == started
    ended = await service.operations.change.end_by_hand(job.id, None, S.SUCCESS, token)
    assert ended.status is S.SUCCESS


@pytest.mark.parametrize(
    "given", [created, failed, dead_letter, held, running, succeeded, cancelled]
)
async def test_only_what_is_scheduled_and_free_is_started_by_hand(
    actors: Actors, given: object
) -> None:
    """R17: from any other state it is 409 and changes nothing."""
    assert callable(given)
    job = await given(actors)
    with pytest.raises(IllegalTransition) as refused:
        await actors.service.operations.change.start_by_hand(job.id, None)
    assert refused.value.facts["current"] == job.status.value
    assert await actors.service.job(job.id) == job


@pytest.mark.parametrize("given", [claimed, held, running, succeeded, cancelled])
async def test_only_created_and_failed_are_scheduled_by_hand(actors: Actors, given: object) -> None:
    """R17: the edges into SCHEDULED that belong to a client."""
    assert callable(given)
    job = await given(actors)
    with pytest.raises(IllegalTransition):
        await actors.service.operations.change.schedule_now(job.id, None, [S.CREATED, S.FAILED])
    assert await actors.service.job(job.id) == job


async def test_a_stale_version_stops_every_change_by_hand(actors: Actors) -> None:
    """R17: it is looked at before the state."""
    change = actors.service.operations.change
    job = await claimed(actors)
    for call in (
        change.cancel(job.id, job.version - 1),
        change.schedule_now(job.id, job.version - 1, [S.CREATED]),
        change.start_by_hand(job.id, job.version - 1),
        change.end_by_hand(job.id, job.version - 1, S.SUCCESS, "token"),
    ):
        with pytest.raises(VersionConflict) as refused:
            await call
        assert refused.value.facts == {"expected": job.version - 1, "actual": job.version}


async def test_an_outside_attempt_has_a_deadline_and_no_reaper(actors: Actors) -> None:
    """R17: no node renews for it, so only its deadline ends it."""
    service = actors.service
    job, _ = await by_hand(service, timeout_seconds=100.0)
    await service.kill(actors.worker)
    assert (await service.job(job.id)).status is S.RUNNING
    await service.pass_time(job.id, 105)
    await service.end_amnesty()
    assert (await service.duty("end_overdue"))["ended"] == 0
    await service.pass_time(job.id, 10)
    assert (await service.duty("end_overdue"))["ended"] == 1
    assert (await service.history(job.id))[-1][1:] == ("RUNNING", "FAILED", "timeout")


async def test_an_outside_attempt_takes_no_slot(actors: Actors) -> None:
    """R17: it runs elsewhere, so the workers' credits stay as they are."""
    service = actors.service
    await service.operations.sessions.leave(actors.worker)
    await service.worker(slots=1, hold_slots=0)
    await by_hand(service)
    await service.create_one()
    assert len(await service.claim(actors.scheduler)) == 1


async def test_a_cancel_of_an_outside_attempt_is_a_wish(actors: Actors) -> None:
    """R17, R20: its failure ends it CANCELLED, its success stands."""
    change = actors.service.operations.change
    job, token = await by_hand(actors.service)
    _, over = await change.cancel(job.id)
    assert not over
    ended = await change.end_by_hand(job.id, None, S.FAILED, token)
    assert ended.status is S.CANCELLED
    other, token = await by_hand(actors.service)
    await change.cancel(other.id)
    assert (await change.end_by_hand(other.id, None, S.SUCCESS, token)).status is S.SUCCESS
    ref = AttemptRef(job_id=other.id, attempt=1)
    assert await actors.service.release(actors.worker, [ref]) == []
