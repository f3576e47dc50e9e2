"""A paused type: nothing of it is claimed, and nothing starts that nobody held when it was paused."""

import asyncio
from collections import Counter

import pytest

from job_service.domain.job import Job
from job_service.operations.problems import NotFound
from job_service.postgres import job_types
from shared.contracts.leases import Decision
from shared.contracts.nodes import AttemptRef
from shared.contracts.states import JobStatus, Outcome
from tests.support.given import Actors, claimed, held, running
from tests.support.job_service import AHEAD, DUMMY, Service


def attempt_of(job: Job) -> AttemptRef:
    return AttemptRef(job_id=job.id, attempt=job.attempt)


async def test_nothing_of_a_paused_type_is_claimed_until_it_is_resumed(actors: Actors) -> None:
    """What is due, what is due soon, and what is tried again; other types go on."""
    service = actors.service
    await service.worker(types=["OTHER"])
    failing = await running(actors)
    await service.operations.pauses.pause(DUMMY)
    await service.finish(actors.worker, attempt_of(failing), Outcome.FAILED, retry_after_seconds=0)
    await service.create_one()
    await service.create_one(in_seconds=AHEAD)
    other = await service.create_one(job_type="OTHER")
    assert [job.job_id for job in await service.claim(actors.scheduler)] == [other.id]
    await service.operations.pauses.resume(DUMMY)
    assert len(await service.claim(actors.scheduler)) == 3


async def test_what_is_claimed_and_not_leased_is_taken_back(actors: Actors) -> None:
    """SCHEDULED -> CREATED with its reason, due as before; the record on its way starts nothing, neither while
    the type is paused nor after."""
    service = actors.service
    job = await claimed(actors)
    due = await service.raw.fetchval("SELECT dispatch_at FROM jobs WHERE id = $1", job.id)
    await service.operations.pauses.pause(DUMMY)
    assert (await service.history(job.id))[-1] == (2, "SCHEDULED", "CREATED", "type-paused")
    row = await service.row("due", job.id)
    assert row is not None
    assert row["dispatch_at"] == due
    (lease,) = await service.lease(actors.worker, [attempt_of(job)])
    assert lease.decision is Decision.REFUSED
    await service.operations.pauses.resume(DUMMY)
    (again,) = await service.claim(actors.scheduler)
    assert (again.job_id, again.attempt) == (job.id, 2)
    old, new = await service.lease(actors.worker, [attempt_of(job), again])
    assert (old.decision, new.decision) == (Decision.REFUSED, Decision.GRANTED)


async def test_a_job_that_failed_before_is_taken_back_with_its_failures(actors: Actors) -> None:
    """Claimed for its next try: no failure is forgotten and none is added."""
    service = actors.service
    lease = await service.leased_one(actors.scheduler, actors.worker)
    await service.finish(actors.worker, lease, Outcome.FAILED, retry_after_seconds=0)
    await service.claim(actors.scheduler)
    await service.operations.pauses.pause(DUMMY)
    job = await service.job(lease.job_id)
    assert (job.status, job.failures, job.attempt) == (JobStatus.CREATED, 1, 2)


async def test_held_and_running_jobs_go_on(actors: Actors) -> None:
    """A pause is no stop."""
    service = actors.service
    runs, waits = await running(actors), await held(actors)
    await service.operations.pauses.pause(DUMMY)
    assert (await service.duty("take_back_paused"))["looked"] == 0
    await service.start(actors.worker, attempt_of(waits))
    for job in (runs, waits):
        (lease,) = await service.lease(actors.worker, [attempt_of(job)])
        assert lease.decision is Decision.GRANTED, "R1: a repeat of what it holds"
        await service.finish(actors.worker, lease)
        assert (await service.job(job.id)).status is JobStatus.SUCCESS


async def test_both_verbs_are_idempotent_and_know_their_types(actors: Actors) -> None:
    """A second pause does not move pausedAt."""
    pauses = actors.service.operations.pauses
    first = await pauses.pause(DUMMY)
    assert first["paused_at"] is not None
    assert (await pauses.pause(DUMMY))["paused_at"] == first["paused_at"]
    for _ in range(2):
        assert (await pauses.resume(DUMMY))["paused_at"] is None
    for verb in (pauses.pause, pauses.resume):
        with pytest.raises(NotFound):
            await verb("NOBODY")


async def test_a_worker_that_declares_the_type_does_not_resume_it(actors: Actors) -> None:
    """A deploy of workers is no reason."""
    service = actors.service
    await service.operations.pauses.pause(DUMMY)
    await service.worker()
    await service.create_one()
    assert await service.claim(actors.scheduler) == []


async def test_a_pause_rings_nothing_and_a_resume_rings(actors: Actors) -> None:
    """A scheduler that waits has the job at once."""
    service = actors.service
    await service.operations.pauses.pause(DUMMY)
    job = await service.create_one()
    async with service.bells.due.waiter() as rung:
        await service.operations.pauses.pause(DUMMY)
        assert not rung.is_set()
        await service.operations.pauses.resume(DUMMY)
        assert rung.is_set()
    (found,) = await service.claim(actors.scheduler)
    assert found.job_id == job.id


# --- a pause and something else at once


async def test_a_pause_waits_for_a_lease_and_leaves_it_alone(actors: Actors) -> None:
    """The lease was first: the pause takes effect after it, and its job is held."""
    service = actors.service
    job = await claimed(actors)
    other = await service.connect()
    async with other.transaction():
        (lease,) = await service.inside(other).lease(actors.worker, [attempt_of(job)])
        pause = asyncio.create_task(service.stores.types.pause(DUMMY))
        await service.until_blocked()
    await pause
    await service.operations.pauses.pause(DUMMY)
    assert lease.decision is Decision.GRANTED
    assert (await service.job(job.id)).node == actors.worker


async def test_a_lease_that_waits_for_a_pause_is_refused(actors: Actors) -> None:
    """The pause was first, the job not taken back yet: the record is decided, and the job goes back by the
    refusal itself."""
    service = actors.service
    job = await claimed(actors)
    other = await service.connect()
    async with other.transaction():
        await service.inside(other).stores.types.pause(DUMMY)
        leasing = asyncio.create_task(service.lease(actors.worker, [attempt_of(job)]))
        await service.until_blocked()
    (lease,) = await leasing
    assert (lease.decision, lease.reason) == (Decision.REFUSED, "type-paused")
    assert (await service.history(job.id))[-1] == (2, "SCHEDULED", "CREATED", "type-paused")


async def test_a_lease_after_the_pause_is_refused_before_anything_is_taken_back(
    actors: Actors,
) -> None:
    """The process that paused died before it took anything back."""
    service = actors.service
    jobs = [await claimed(actors) for _ in range(2)]
    await service.stores.types.pause(DUMMY)
    leases = await service.lease(actors.worker, [attempt_of(jobs[0])])
    assert [lease.reason for lease in leases] == ["type-paused"]
    assert (await service.job(jobs[0].id)).status is JobStatus.CREATED
    assert (await service.job(jobs[1].id)).status is JobStatus.SCHEDULED
    counts = await service.duty("take_back_paused")
    assert (counts["looked"], counts["taken"]) == (1, 1)
    assert (await service.job(jobs[1].id)).status is JobStatus.CREATED


async def test_a_pause_waits_for_a_claim_and_takes_its_jobs_back(actors: Actors) -> None:
    """The claim was first: what it took goes back before the pause is answered."""
    service = actors.service
    job = await service.create_one()
    other = await service.connect()
    async with other.transaction():
        assert len(await service.inside(other).claim(actors.scheduler)) == 1
        pause = asyncio.create_task(service.operations.pauses.pause(DUMMY))
        await service.until_blocked()
    await pause
    assert [state[2] for state in await service.history(job.id)] == [
        "CREATED",
        "SCHEDULED",
        "CREATED",
    ]


async def test_a_claim_that_waits_for_a_pause_takes_nothing(actors: Actors) -> None:
    """Its credits, and its picture of the tables, are from before the pause."""
    service = actors.service
    job = await service.create_one()
    other = await service.connect()
    async with other.transaction():
        await service.inside(other).stores.types.pause(DUMMY)
        claiming = asyncio.create_task(service.claim(actors.scheduler))
        await service.until_blocked()
    assert await claiming == []
    assert (await service.job(job.id)).status is JobStatus.CREATED


async def test_two_leases_of_one_job_and_a_pause_wait_in_no_circle(actors: Actors) -> None:
    """R11: the second lease waits for the first one's job, and the pause for both."""
    service = actors.service
    job = await claimed(actors)
    rival = await service.worker()
    other = await service.connect()
    async with other.transaction():
        await service.inside(other).lease(actors.worker, [attempt_of(job)])
        second = asyncio.create_task(service.lease(rival, [attempt_of(job)]))
        await service.until_blocked()
        pause = asyncio.create_task(service.operations.pauses.pause(DUMMY))
        await service.until_blocked(2)
    (lease,) = await second
    await pause
    assert lease.decision is Decision.REFUSED
    assert (await service.job(job.id)).node == actors.worker


async def test_a_resume_beside_a_pause_that_takes_back(actors: Actors) -> None:
    """What the pause no longer comes to stays claimed and runs."""
    service = actors.service
    job = await claimed(actors)
    await service.stores.types.pause(DUMMY)
    other = await service.connect()
    async with other.transaction():
        await other.execute("SELECT FROM jobs WHERE id = $1 FOR UPDATE", job.id)
        taking = asyncio.create_task(service.duty("take_back_paused"))
        await service.until_blocked()
        await service.operations.pauses.resume(DUMMY)
    assert (await taking)["taken"] == 0
    (lease,) = await service.lease(actors.worker, [attempt_of(job)])
    assert lease.decision is Decision.GRANTED


async def test_no_lease_or_claim_is_dated_after_an_answered_pause(service: Service) -> None:
    """Everybody at once, in rounds: nothing is claimed or leased between the answer of a pause and the resume,
    by the database's own stamps."""
    schedulers = [await service.scheduler() for _ in range(2)]
    workers = [await service.worker(slots=1_000) for _ in range(3)]
    over = asyncio.Event()
    found: Counter[str] = Counter()

    async def schedule(scheduler: object) -> None:
        while not over.is_set():
            await service.create(5)
            for got in await service.claim(scheduler):  # type: ignore[arg-type]
                found["claimed"] += 1
                topic.put_nowait(got)
            await asyncio.sleep(0)

    async def work(worker: object) -> None:
        while not over.is_set():
            batch = [topic.get_nowait() for _ in range(min(7, topic.qsize()))]
            for lease in await service.lease(worker, batch) if batch else []:  # type: ignore[arg-type]
                if lease.decision is Decision.GRANTED:
                    found["granted"] += 1
                    await service.finish(worker, lease)  # type: ignore[arg-type]
            await asyncio.sleep(0.002)

    topic: asyncio.Queue[object] = asyncio.Queue()
    busy = [asyncio.create_task(schedule(s)) for s in schedulers]
    busy += [asyncio.create_task(work(w)) for w in workers]
    for _ in range(20):
        await asyncio.sleep(0.03)
        await service.operations.pauses.pause(DUMMY)
        begun = await service.raw.fetchval("SELECT clock_timestamp()")
        await asyncio.sleep(0.02)
        ended = await service.raw.fetchval("SELECT clock_timestamp()")
        await service.operations.pauses.resume(DUMMY)
        during = await service.raw.fetch(
            "SELECT reason FROM job_history WHERE at BETWEEN $1 AND $2 AND reason IN "
            "('claimed', 'started', 'held')",
            begun,
            ended,
        )
        assert during == []
    over.set()
    await asyncio.gather(*busy)
    assert found["claimed"] > 0
    assert found["granted"] > 0


async def test_a_pause_of_much_that_is_claimed_goes_in_batches(
    actors: Actors, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The pause takes back as many batches as it may; the duty takes the rest."""
    from job_service.operations import pause_types

    monkeypatch.setattr(pause_types, "BATCH", 3)
    monkeypatch.setattr(pause_types, "ROUNDS", 2)
    service = actors.service
    await service.create(8)
    assert len(await service.claim(actors.scheduler)) == 8
    await service.operations.pauses.pause(DUMMY)
    left = "SELECT count(*) FROM inflight"
    assert await service.raw.fetchval(left) == 2
    assert (await service.duty("take_back_paused"))["taken"] == 2
    assert await service.raw.fetchval(left) == 0


async def test_the_migration_and_the_code_mean_the_same_lock(service: Service) -> None:
    """A pause that locked something else would wait for nobody."""
    source = await service.raw.fetchval("SELECT prosrc FROM pg_proc WHERE proname = 'paused_types'")
    key = job_types.PAUSING.split("(")[1].rstrip(")")
    assert f"pg_advisory_xact_lock_shared({key})" in source
