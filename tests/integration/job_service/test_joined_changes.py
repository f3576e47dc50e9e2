"""Changes of clients that come at once share transactions, and each has its own answer (group commit)."""

import asyncio
from uuid import UUID

from job_service.domain.job import Job
from job_service.domain.wanted import Change
from job_service.operations.outcomes import Definite, Locked
from job_service.operations.problems import IllegalTransition, NotFound, VersionConflict
from shared.contracts.states import JobStatus as S
from shared.kernel.ids import new_id
from tests.support.given import Actors
from tests.support.job_service import AHEAD

MANY = 60
RELABEL = Change(None, None, None, '{"a": "b"}')


async def _transactions(actors: Actors, reason: str) -> int:
    return int(
        await actors.service.raw.fetchval(
            "SELECT count(DISTINCT xmin::text) FROM job_history WHERE reason = $1", reason
        )
    )


async def test_many_cancels_at_once_are_few_transactions(actors: Actors) -> None:
    jobs = await actors.service.create(MANY, in_seconds=AHEAD)
    cancel = actors.service.operations.change.cancel
    answers = await asyncio.gather(*(cancel(job.id, 0) for job in jobs))
    assert [(job.id, job.status, job.version, over) for job, over in answers] == [
        (job.id, S.CANCELLED, 1, True) for job in jobs
    ]
    assert await _transactions(actors, "cancelled") <= MANY / 10


async def test_of_a_group_each_has_its_own_answer(actors: Actors) -> None:
    """What one may not do, another does: stale, unknown, settled and good ones in one group."""
    service = actors.service
    good, stale, settled = await service.create(3, in_seconds=AHEAD)
    change = service.operations.change
    await change.cancel(settled.id)
    answers = await asyncio.gather(
        change.cancel(stale.id, 7),
        change.cancel(good.id, 0),
        change.cancel(settled.id),
        change.cancel(new_id()),
        return_exceptions=True,
    )
    first, second, third, fourth = answers
    assert isinstance(first, VersionConflict)
    assert not isinstance(second, BaseException)
    assert second[0].id == good.id
    assert isinstance(third, IllegalTransition)
    assert isinstance(fourth, NotFound)
    assert (await service.job(stale.id)).version == 0


async def test_one_job_that_is_named_twice_is_changed_twice(actors: Actors) -> None:
    """And with one version the first takes effect, the second is stale."""
    job, guarded = await actors.service.create(2, in_seconds=AHEAD)
    change = actors.service.operations.change
    after = await asyncio.gather(*(change.change(job.id, n, RELABEL) for n in range(3)))
    assert [one.version for one in after] == [1, 2, 3]
    both = await asyncio.gather(
        *(change.change(guarded.id, 0, RELABEL) for _ in range(2)), return_exceptions=True
    )
    assert sorted(type(one).__name__ for one in both) == ["Job", "VersionConflict"]


async def test_starts_by_hand_at_once_have_a_token_each(actors: Actors) -> None:
    service = actors.service
    await service.create(5)
    claimed = await service.claim(actors.scheduler)
    change = service.operations.change
    started = await asyncio.gather(*(change.start_by_hand(c.job_id, None) for c in claimed))
    tokens = {job.id: token for job, token in started}
    assert set(tokens) == {c.job_id for c in claimed}

    async def end(job_id: UUID) -> S:
        return (await change.end_by_hand(job_id, None, S.SUCCESS, tokens[job_id])).status

    assert set(await asyncio.gather(*map(end, tokens))) == {S.SUCCESS}


async def test_a_job_that_is_kept_locked_fails_its_own_caller_only(actors: Actors) -> None:
    service = actors.service
    jobs = await service.create(5, in_seconds=AHEAD)
    other = await service.connect()
    async with other.transaction():
        await other.execute("SELECT FROM jobs WHERE id = $1 FOR UPDATE", jobs[0].id)
        cancel = service.operations.change.cancel
        answers = await asyncio.gather(*(cancel(job.id) for job in jobs), return_exceptions=True)
    locked, *others = answers
    assert isinstance(locked, Locked)
    assert [one[0].status for one in others if not isinstance(one, BaseException)] == [
        S.CANCELLED
    ] * 4
    assert (await service.job(jobs[0].id)).version == 0


async def test_a_value_that_the_database_refuses_fails_its_own_caller_only(actors: Actors) -> None:
    bad, good = await actors.service.create(2, in_seconds=AHEAD)
    change = actors.service.operations.change.change
    answers = await asyncio.gather(
        change(bad.id, 0, Change(None, None, None, '{"a": "\\u0000"}')),
        change(good.id, 0, RELABEL),
        return_exceptions=True,
    )
    refused, changed = answers
    assert isinstance(refused, Definite)
    assert isinstance(changed, Job)
    assert (changed.id, changed.version) == (good.id, 1)
    assert (await actors.service.job(bad.id)).version == 0


async def test_those_that_are_taken_back_at_once_are_all_taken_back(actors: Actors) -> None:
    change = actors.service.operations.change
    jobs = await actors.service.create(3, in_seconds=AHEAD)
    now = await asyncio.gather(*(change.schedule_now(job.id, None, [S.CREATED]) for job in jobs))
    assert {job.status for job in now} == {S.SCHEDULED}
    back = await asyncio.gather(*(change.take_back(job.id, None) for job in jobs))
    assert [(job.id, job.status) for job in back] == [(job.id, S.CREATED) for job in jobs]
    refused = await asyncio.gather(
        *(change.abandon(job.id, None) for job in jobs), return_exceptions=True
    )
    assert {type(one) for one in refused} == {IllegalTransition}
