"""Idempotency keys, one after the other and all at once: R25."""

import asyncio
import random
from typing import Any

import pytest

from job_service.domain.job import Job, NewJob
from job_service.operations.problems import KeyReused
from tests.support.job_service import Service, new_job

AT_ONCE = 100


def keyed(key: str, body: bytes = b"body", **fields: Any) -> NewJob:
    return new_job(idempotency_key=key, body_hash=body, **fields)


async def answer(service: Service, job: NewJob) -> tuple[Job, bool]:
    (given,) = await service.operations.create.create([job])
    assert isinstance(given, tuple)
    return given


async def count(service: Service) -> int:
    jobs: int = await service.raw.fetchval("SELECT count(*) FROM jobs")
    return jobs


async def test_a_hundred_creates_with_one_key_make_one_job(service: Service) -> None:
    """R25: one is told that it is new, all are told the same job."""
    answers = await asyncio.gather(*(answer(service, keyed("one")) for _ in range(AT_ONCE)))
    assert len({job.id for job, _ in answers}) == 1
    assert sorted(new for _, new in answers) == [False] * (AT_ONCE - 1) + [True]
    assert await count(service) == 1


async def test_batches_with_the_same_keys_in_any_order_do_not_wait_in_a_circle(
    service: Service,
) -> None:
    """R25: keys are taken in sorted order, so no batch is given up as a deadlock."""
    keys = [f"key-{n}" for n in range(40)]
    batches = [random.sample(keys, 25) for _ in range(24)]
    answers = await asyncio.gather(
        *(service.operations.create.create([keyed(key) for key in batch]) for batch in batches)
    )
    owners: dict[str, set[Any]] = {}
    new = 0
    for batch, given in zip(batches, answers, strict=True):
        for key, one in zip(batch, given, strict=True):
            assert isinstance(one, tuple)
            owners.setdefault(key, set()).add(one[0].id)
            new += one[1]
    assert all(len(ids) == 1 for ids in owners.values())
    assert new == len(owners) == await count(service)


async def test_two_batches_with_the_same_keys_in_opposite_orders_do_not_wait_in_a_circle(
    service: Service,
) -> None:
    """R25: both stand before a key in the middle that somebody else is taking, and only one has taken one
    before it; so whoever goes on first meets nothing of the other's."""
    other = await service.connect()
    transaction = other.transaction()
    await transaction.start()
    await other.execute(
        "INSERT INTO idempotency_keys VALUES ('m', decode('00', 'hex'), gen_random_uuid(), now())"
    )
    batches = []
    for blocked, keys in enumerate(("amz", "zma"), 1):
        jobs = [keyed(key) for key in keys]
        batches.append(asyncio.create_task(service.operations.create.create(jobs)))
        await service.until_blocked(blocked)
    await transaction.rollback()
    first, second = await asyncio.gather(*batches)
    assert [one[1] for one in first if isinstance(one, tuple)] == [True, True, True]
    assert [one[1] for one in second if isinstance(one, tuple)] == [False, False, False]
    assert await count(service) == 3


async def test_another_body_under_the_same_key_is_refused(service: Service) -> None:
    """R25: and the first job stays what it is."""
    first, _ = await answer(service, keyed("one"))
    (refused,) = await service.operations.create.create([keyed("one", b"other")])
    assert isinstance(refused, KeyReused)
    assert refused.status == 422
    assert await count(service) == 1
    assert (await service.job(first.id)).version == 0


async def test_a_reused_key_spoils_its_own_item_only(service: Service) -> None:
    """R25: in a batch every item is answered by itself, in the order given."""
    await answer(service, keyed("taken"))
    batch = [keyed("new"), keyed("taken", b"other"), new_job(), keyed("taken")]
    answers = await service.operations.create.create(batch)
    kinds = [one[1] if isinstance(one, tuple) else type(one) for one in answers]
    assert kinds == [True, KeyReused, True, False]
    assert await count(service) == 3


@pytest.mark.parametrize("body", [b"body", b"other"])
async def test_a_key_twice_in_one_batch_makes_one_job(service: Service, body: bytes) -> None:
    """R25: the second item is judged by the first."""
    first, second = await service.operations.create.create([keyed("one"), keyed("one", body)])
    assert isinstance(first, tuple)
    if body == b"body":
        assert isinstance(second, tuple)
        assert (second[0].id, second[1]) == (first[0].id, False)
    else:
        assert isinstance(second, KeyReused)
    assert await count(service) == 1


@pytest.mark.parametrize("body", [b"body", b"other"])
async def test_the_loser_sees_a_winner_that_commits_while_it_waits(
    service: Service, body: bytes
) -> None:
    """R25: its own first statement cannot show it, so it is read by a second one."""
    other = await service.connect()
    async with other.transaction():
        (winner,) = await service.within(other).create.create([keyed("one")])
        losing = asyncio.create_task(service.operations.create.create([keyed("one", body)]))
        await service.until_blocked()
    (loser,) = await losing
    assert isinstance(winner, tuple)
    if body == b"body":
        assert isinstance(loser, tuple)
        assert (loser[0].id, loser[1]) == (winner[0].id, False)
    else:
        assert isinstance(loser, KeyReused)


async def test_the_key_of_a_winner_that_was_rolled_back_is_free(service: Service) -> None:
    """R25: whoever waited for it creates the job."""
    other = await service.connect()
    begun = other.transaction()
    await begun.start()
    await service.within(other).create.create([keyed("one")])
    waiting = asyncio.create_task(answer(service, keyed("one")))
    await service.until_blocked()
    await begun.rollback()
    _, new = await waiting
    assert new
    assert await count(service) == 1
