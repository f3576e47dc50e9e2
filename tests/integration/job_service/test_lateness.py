"""When something began, and when that was written down: R24."""

from collections.abc import AsyncIterator
from datetime import timedelta

import pytest

from job_service.api.models import public_execution
from job_service.domain.recent_ways import FEWEST
from shared.contracts.leases import LeaseItem, LeaseRequest
from shared.contracts.reports import Start
from shared.contracts.states import Outcome
from shared.contracts.way import Stamps
from shared.runtime.settings import Claim
from tests.support.checked import checked_service
from tests.support.given import Actors
from tests.support.job_service import end_of

AHEAD_SECONDS = 50.0


@pytest.fixture
async def actors(database_url: str) -> AsyncIterator[Actors]:
    """A long look-ahead, so that what is held stays held during a test."""
    async with checked_service(database_url, claim=Claim(lookahead=60.0)) as service:
        yield Actors(service, await service.scheduler(), await service.worker())


async def test_a_start_is_judged_by_when_the_handler_began(actors: Actors) -> None:
    """R24: a report that comes late, with the end, makes no job late."""
    service = actors.service
    lease = await service.leased_one(actors.scheduler, actors.worker, in_seconds=AHEAD_SECONDS)
    await service.pass_time(lease.job_id, AHEAD_SECONDS + 30)
    job = await service.job(lease.job_id)
    began = job.due_at + timedelta(milliseconds=2.5)
    ended = began + timedelta(seconds=1)
    await service.report(
        actors.worker,
        starts=[Start(job_id=job.id, attempt=1, started_at=began)],
        ends=[end_of(lease, started_at=began, ended_at=ended)],
    )
    job = await service.job(job.id)
    assert job.started_at == began
    assert job.lateness_ms == 2.5
    recorded = {h["to_status"]: h["at"] for h in await service.stores.jobs.history_of(job.id)}
    assert recorded["RUNNING"] > began + timedelta(seconds=20)
    (execution,) = await service.stores.jobs.executions_of(job.id)
    assert (execution["started_at"], execution["ended_at"]) == (began, ended)
    assert execution["due_at"] == job.due_at


async def test_a_start_that_is_told_alone_says_when_the_handler_began(actors: Actors) -> None:
    """R24: from then on, not only once the end is told."""
    service = actors.service
    lease = await service.leased_one(actors.scheduler, actors.worker, in_seconds=AHEAD_SECONDS)
    await service.pass_time(lease.job_id, AHEAD_SECONDS + 30)
    began = (await service.job(lease.job_id)).due_at + timedelta(milliseconds=2.5)
    await service.report(
        actors.worker, starts=[Start(job_id=lease.job_id, attempt=1, started_at=began)]
    )
    assert (await service.job(lease.job_id)).started_at == began
    (execution,) = await service.stores.jobs.executions_of(lease.job_id)
    assert execution["started_at"] == began


async def test_a_job_created_after_its_time_is_late_from_its_creation(actors: Actors) -> None:
    """R24: nobody can start what is not there."""
    service = actors.service
    lease = await service.leased_one(actors.scheduler, actors.worker, in_seconds=-3_600)
    job = await service.job(lease.job_id)
    assert job.started_at is not None
    assert job.lateness_ms is not None
    assert job.lateness_ms == pytest.approx(
        (job.started_at - job.created_at).total_seconds() * 1000, abs=0.01
    )
    assert job.lateness_ms < 60_000


async def test_a_further_attempt_has_a_due_time_of_its_own(actors: Actors) -> None:
    """R24: the promise stays with the job, the back-off is no lateness of the execution."""
    service = actors.service
    lease = await service.leased_one(actors.scheduler, actors.worker)
    promised = (await service.job(lease.job_id)).due_at
    await service.finish(actors.worker, lease, Outcome.FAILED, retry_after_seconds=30)
    (again,) = await service.claim(actors.scheduler)
    (second,) = await service.lease(actors.worker, [again])
    assert second.due_at == again.due_at
    assert not second.running
    first_run, second_run = await service.stores.jobs.executions_of(lease.job_id)
    assert (await service.job(lease.job_id)).due_at == promised
    assert second_run["due_at"] > first_run["due_at"] + timedelta(seconds=25)


async def test_an_execution_keeps_the_way_to_its_lease(actors: Actors) -> None:
    """What the record and the worker told comes with the lease, into the row that is written anyway."""
    service = actors.service
    await service.create(1)
    (job,) = await service.claim(actors.scheduler)
    told = [job.due_at + timedelta(milliseconds=n) for n in (1, 2, 3)]
    stamps = Stamps(claimed_at=told[0], published_at=told[1], received_at=told[2])
    item = LeaseItem(job_id=job.job_id, attempt=job.attempt, way=stamps)
    await service.operations.leases.lease(LeaseRequest(node=actors.worker, items=[item]))
    (row,) = await service.stores.jobs.executions_of(job.job_id)
    assert [row[name] for name in ("claimed_at", "published_at", "received_at")] == told
    way = public_execution(row)["wayMs"]
    assert (way["claimed"], way["published"], way["received"]) == (1.0, 2.0, 3.0)
    assert 0 < way["leased"] <= way["began"]


async def test_a_lease_of_a_record_without_stamps_has_an_execution_without_them(
    actors: Actors,
) -> None:
    """As a record of an older scheduler, or one by hand."""
    service = actors.service
    lease = await service.leased_one(actors.scheduler, actors.worker)
    (row,) = await service.stores.jobs.executions_of(lease.job_id)
    way = public_execution(row)["wayMs"]
    assert (way["claimed"], way["published"], way["received"]) == (None, None, None)
    assert way["leased"] >= 0


async def test_a_claim_is_told_how_long_records_take(actors: Actors) -> None:
    """From their sending, which the record tells, to their lease: the lead follows that."""
    service = actors.service
    assert (await service.claim_reply(actors.scheduler)).seconds_to_lease is None
    await service.create(FEWEST)
    sent_at = await service.raw.fetchval("SELECT clock_timestamp() - interval '2 seconds'")
    items = [
        LeaseItem(job_id=job.job_id, attempt=job.attempt, way=Stamps(published_at=sent_at))
        for job in await service.claim(actors.scheduler)
    ]
    await service.operations.leases.lease(LeaseRequest(node=actors.worker, items=items))
    told = (await service.claim_reply(actors.scheduler)).seconds_to_lease
    assert told is not None
    assert told >= 2.0
