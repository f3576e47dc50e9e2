"""ADR 0010: events of a job come in the order of its versions, although transaction ids do not.

A transaction has its id from its first write or lock, and may write a job only later, above versions that
transactions with higher ids have committed meanwhile.
"""

import asyncio
import random
from contextlib import AsyncExitStack
from uuid import UUID

import pytest
from asyncpg.transaction import Transaction

from job_service.domain.wanted import Change
from job_service.postgres.database import Raw
from job_service.postgres.transition import HISTORY, NO_OUTCOME
from tests.support.event_feed import Subscriber, Versions, history_of
from tests.support.given import Actors
from tests.support.job_service import Service

TAKE_ID = "SELECT pg_current_xact_id()"
LOCK = "SELECT id FROM jobs WHERE id = $1 FOR UPDATE SKIP LOCKED"
# A transition as all others are: guarded by the row's lock, history in the same statement.
MOVE = f"""
WITH moved AS (
    UPDATE jobs AS j SET prev_status = j.status, version = j.version + 1 WHERE j.id = $1
    RETURNING j.id, j.version, j.prev_status, j.status, j.attempt, NULL::uuid AS by_node,
              'changed' AS reason, 'client' AS actor, {NO_OUTCOME}
),
{HISTORY}
SELECT version FROM moved
"""
XIDS = "SELECT version, xid FROM job_history WHERE job_id = $1 ORDER BY version"


async def begun(stack: AsyncExitStack, service: Service) -> Raw:
    """A connection in a transaction that has its id."""
    raw = await service.connect()
    await stack.enter_async_context(raw.transaction())
    await raw.fetchval(TAKE_ID)
    return raw


async def ids_fall(service: Service, job_id: UUID) -> bool:
    xids = [row["xid"] for row in await service.raw.fetch(XIDS, job_id)]
    return xids != sorted(xids)


async def test_a_later_version_with_a_lower_id_waits_for_the_one_before(actors: Actors) -> None:
    """Both are complete; the batch ends between them."""
    service, subscriber = actors.service, Subscriber(actors.service, actors.scheduler)
    job, *others = await service.create(4, in_seconds=1_000)
    await subscriber.take()
    async with AsyncExitStack() as early:
        low = await begun(early, service)
        for other in others:
            await low.execute(MOVE, other.id)
        await service.operations.change.change(job.id, 0, Change(None, 5, 2, None))
        await service.inside(low).operations.change.change(job.id, 1, Change(None, 7, 2, None))
    assert await ids_fall(service, job.id)
    while await subscriber.take(limit=1):
        pass
    assert subscriber.seen() == await history_of(service)


async def test_a_version_beyond_the_horizon_is_fetched_along(actors: Actors) -> None:
    """The version before belongs to a transaction above the oldest running one: it is committed, and not
    complete in the order of ids. It comes early, and once more when its turn comes."""
    service, subscriber = actors.service, Subscriber(actors.service, actors.scheduler)
    job = await service.create_one(in_seconds=1_000)
    await subscriber.take()
    async with AsyncExitStack() as long:
        async with AsyncExitStack() as early:
            low = await begun(early, service)
            await begun(long, service)
            await service.operations.change.change(job.id, 0, Change(None, 5, 2, None))
            await service.operations.change.change(job.id, 1, Change(None, 6, 2, None))
            await low.execute(MOVE, job.id)
        assert await ids_fall(service, job.id)
        assert await subscriber.take() == 3
        assert subscriber.seen()[job.id] == [0, 1, 2, 3]
        assert await subscriber.take() == 0
    assert await subscriber.take() == 2, "both once more: at least once"
    assert subscriber.seen() == await history_of(service)
    assert await subscriber.take() == 0


async def test_the_same_where_the_lower_id_waited_for_the_row(actors: Actors) -> None:
    service, subscriber = actors.service, Subscriber(actors.service, actors.scheduler)
    job = await service.create_one(in_seconds=1_000)
    await subscriber.take()
    async with AsyncExitStack() as long:
        async with AsyncExitStack() as early:
            low = await begun(early, service)
            await begun(long, service)
            async with AsyncExitStack() as late:
                high = await begun(late, service)
                await high.execute(MOVE, job.id)
                waiting = asyncio.create_task(low.execute(MOVE, job.id))
                await service.until_blocked()
            await waiting
        assert await ids_fall(service, job.id)
        await subscriber.take()
        assert subscriber.seen()[job.id] == [0, 1, 2]
    await subscriber.take()
    assert subscriber.seen() == await history_of(service)


@pytest.mark.parametrize("seed", range(6))
async def test_whatever_commits_when(actors: Actors, seed: int) -> None:
    """Five connections begin, move jobs and end in random order, while the feed is read in batches of any
    size, some of them for nothing. Nothing is missing at the end, and at no moment is a job out of order."""
    dice = random.Random(seed)
    service, subscriber = actors.service, Subscriber(actors.service, actors.scheduler)
    jobs = [job.id for job in await service.create(4, in_seconds=1_000)]
    raws = [await service.connect() for _ in range(5)]
    running: dict[Raw, Transaction] = {}
    for _ in range(200):
        raw = dice.choice(raws)
        if raw not in running:
            running[raw] = raw.transaction()
            await running[raw].start()
            await raw.fetchval(TAKE_ID)
        elif dice.random() < 0.3:
            transaction = running.pop(raw)
            await (transaction.rollback() if dice.random() < 0.2 else transaction.commit())
        elif job_id := await raw.fetchval(LOCK, dice.choice(jobs)):
            await raw.fetchval(MOVE, job_id)
        if dice.random() < 0.3:
            await subscriber.take(limit=dice.randint(1, 8), forget=dice.random() < 0.2)
            _assert_in_order(subscriber.seen())
    for transaction in running.values():
        await transaction.commit()
    assert any([await ids_fall(service, job_id) for job_id in jobs]), "this seed proves nothing"
    while await subscriber.take(limit=dice.randint(1, 8)):
        pass
    assert subscriber.seen() == await history_of(service)


def _assert_in_order(seen: Versions) -> None:
    for job_id, versions in seen.items():
        assert versions == list(range(len(versions))), f"{job_id}: {versions}"
