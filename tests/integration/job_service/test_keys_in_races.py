"""What meets at an ordering key at the same moment: R19."""

import asyncio
import random
from uuid import UUID

import pytest

from shared.contracts.nodes import AttemptRef
from tests.support.given import Actors
from tests.support.job_service import Service, end_of, new_job

KEY = "customer 7"
AT_ONCE = 8
KEYS = 20


async def head_and_claim(actors: Actors) -> AttemptRef:
    """A job of the key that runs."""
    lease = await actors.service.leased_one(actors.scheduler, actors.worker, ordering_key=KEY)
    return AttemptRef(job_id=lease.job_id, attempt=lease.attempt)


async def test_what_is_created_while_the_last_one_settles_is_not_stranded(actors: Actors) -> None:
    """R19: the create sees the key taken, the end sees nobody in line: one waits for the other."""
    service = actors.service
    first = await head_and_claim(actors)
    other = await service.connect()
    async with other.transaction():
        await service.inside(other).finish(actors.worker, first)
        creating = asyncio.create_task(service.create_one(ordering_key=KEY))
        await service.until_blocked()
    second = await creating
    assert [c.job_id for c in await service.claim(actors.scheduler)] == [second.id]


async def test_what_settles_while_another_is_created_frees_the_key_for_it(actors: Actors) -> None:
    """R19: the same, the other way round."""
    service = actors.service
    first = await head_and_claim(actors)
    other = await service.connect()
    async with other.transaction():
        second = await service.inside(other).create_one(ordering_key=KEY)
        ending = asyncio.create_task(service.finish(actors.worker, first))
        await service.until_blocked()
    await ending
    assert [c.job_id for c in await service.claim(actors.scheduler)] == [second.id]


async def test_a_head_that_is_being_claimed_is_not_displaced(actors: Actors) -> None:
    """R19: who comes before it and is created meanwhile waits, without waiting for the claim."""
    service = actors.service
    head = await service.create_one(ordering_key=KEY, in_seconds=-10)
    other = await service.connect()
    async with other.transaction():
        (claimed,) = await service.inside(other).claim(actors.scheduler)
        before = await service.create_one(ordering_key=KEY, in_seconds=-20)
    assert claimed.job_id == head.id
    assert await service.row("in_line", before.id)
    assert await service.claim(actors.scheduler) == []


async def test_a_head_that_is_cancelled_while_one_comes_before_it(actors: Actors) -> None:
    """R19: neither waits for what the other has."""
    service = actors.service
    head = await service.create_one(ordering_key=KEY, in_seconds=-10)
    other = await service.connect()
    async with other.transaction():
        await other.execute("SELECT FROM ordering_keys WHERE ordering_key = $1 FOR UPDATE", KEY)
        cancelling = asyncio.create_task(service.operations.change.cancel(head.id))
        await service.until_blocked()
        before = await service.inside(other).create_one(ordering_key=KEY, in_seconds=-20)
    await cancelling
    assert [c.job_id for c in await service.claim(actors.scheduler)] == [before.id]


async def test_one_that_is_cancelled_while_it_gets_the_key(actors: Actors) -> None:
    """R19: the third one has it in the end, and nothing of the second is left on the shelf."""
    service = actors.service
    first = await head_and_claim(actors)
    second, third = await service.create(2, ordering_key=KEY)
    other = await service.connect()
    async with other.transaction():
        await service.inside(other).finish(actors.worker, first)
        cancelling = asyncio.create_task(service.operations.change.cancel(second.id))
        await service.until_blocked()
    await cancelling
    assert [c.job_id for c in await service.claim(actors.scheduler)] == [third.id]


@pytest.mark.parametrize("seed", range(3))
async def test_batches_never_wait_for_each_other_in_a_circle(service: Service, seed: int) -> None:
    """R11, R19: creates and ends of the same keys in every order."""
    rng = random.Random(seed)
    scheduler, worker = await service.scheduler(), await service.worker(slots=1_000)
    running: list[AttemptRef] = []
    for _ in range(6):
        batches = [[new_job(ordering_key=f"key {n}") for n in range(KEYS)] for _ in range(AT_ONCE)]
        for batch in batches:
            rng.shuffle(batch)
        rng.shuffle(running)
        halves = [running[0::2], running[1::2]]
        await asyncio.gather(
            *(service.operations.create.create(batch) for batch in batches),
            *(
                service.report(worker, ends=[end_of(one) for one in half])
                for half in halves
                if half
            ),
        )
        claimed = await service.claim(scheduler)
        assert len(claimed) == KEYS
        await service.lease(worker, claimed)
        running = [AttemptRef(job_id=c.job_id, attempt=c.attempt) for c in claimed]
    assert not await service.raw.fetchval(
        "SELECT deadlocks FROM pg_stat_database WHERE datname = current_database()"
    )


async def test_one_picture_of_many_claims(service: Service) -> None:
    """R19: several schedulers claim and finish at once; never two of one key."""
    schedulers = [await service.scheduler() for _ in range(3)]
    worker = await service.worker(slots=1_000)
    jobs = [new_job(ordering_key=f"key {n % 5}") for n in range(60)]
    await service.operations.create.create(jobs)
    done: list[object] = []

    async def work(scheduler: UUID) -> None:
        while len(done) < len(jobs):
            claimed = await service.claim(scheduler, limit=2)
            leases = await service.lease(worker, claimed) if claimed else []
            await service.report(worker, ends=[end_of(lease) for lease in leases])
            done.extend(lease.job_id for lease in leases)

    async with asyncio.timeout(60):
        await asyncio.gather(*(work(scheduler) for scheduler in schedulers))
    assert len(set(done)) == len(jobs)
