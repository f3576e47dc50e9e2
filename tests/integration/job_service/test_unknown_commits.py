"""After a commit that nobody heard of, the winner is told that it won: R27."""

import asyncio
from typing import Any
from urllib.parse import urlsplit

import pytest

from job_service.domain.wanted import Change
from job_service.operations.outcomes import Unknown
from job_service.operations.problems import IllegalTransition, LeaseLost
from job_service.postgres.database import Raw
from shared.contracts.states import JobStatus
from tests.support.given import Actors, claimed, created, dead_letter, running
from tests.support.job_service import Service, new_job, open_service
from tests.support.lost_replies import UNKNOWN, Fate, losing
from tests.support.proxy import TcpProxy
from tests.support.waiting import until

S = JobStatus
FATES = pytest.mark.parametrize("fate", UNKNOWN, ids=[fate.value for fate in UNKNOWN])


async def jobs(raw: Raw) -> int:
    count: int = await raw.fetchval("SELECT count(*) FROM jobs")
    return count


@FATES
@pytest.mark.parametrize("key", [None, "key"])
async def test_a_create_makes_one_job_and_says_that_it_is_new(
    service: Service, fate: Fate, key: str | None
) -> None:
    """R27: no second job, and not "it was there before"."""
    job = new_job(idempotency_key=key, body_hash=b"body" if key else None)
    (answer,) = await losing(service, fate).create.create([job])
    assert isinstance(answer, tuple)
    assert (answer[0].id, answer[1]) == (job.id, True)
    assert await jobs(service.raw) == 1


@FATES
async def test_a_batch_is_created_once(service: Service, fate: Fate) -> None:
    """R27: with what was there before under a key told as such."""
    keyed: dict[str, Any] = {"idempotency_key": "old", "body_hash": b"body"}
    (first,) = await service.operations.create.create([new_job(**keyed)])
    batch = [new_job(), new_job(**keyed), new_job(idempotency_key="new", body_hash=b"body")]
    answers = await losing(service, fate).create.create(batch)
    told = [(a[0].id, a[1]) for a in answers if isinstance(a, tuple)]
    assert isinstance(first, tuple)
    assert told == [(batch[0].id, True), (first[0].id, False), (batch[2].id, True)]
    assert await jobs(service.raw) == 3


async def test_a_create_that_stays_unknown_says_so(service: Service) -> None:
    """R27: it is no answer at all; the client repeats it with its key."""
    with pytest.raises(Unknown):
        await losing(service, *[Fate.NEVER_ARRIVES, Fate.WELL] * 3).create.create([new_job()])


@FATES
async def test_a_cancel_is_answered_as_done(actors: Actors, fate: Fate) -> None:
    """R27: no 409 to the one that cancelled it."""
    job = await created(actors)
    after, over = await losing(actors.service, fate).change.cancel(job.id, job.version)
    assert (after.status, after.version, over) == (S.CANCELLED, 1, True)
    assert len(await actors.service.history(job.id)) == 2


@FATES
async def test_a_cancel_of_a_running_job_is_asked_once(actors: Actors, fate: Fate) -> None:
    job = await running(actors)
    after, over = await losing(actors.service, fate).change.cancel(job.id, job.version)
    assert (after.status, after.version, over) == (S.RUNNING, job.version + 1, False)


@FATES
async def test_a_change_is_answered_as_done(actors: Actors, fate: Fate) -> None:
    """R27: no 412 for the version that it made stale itself."""
    job = await created(actors)
    change = Change(None, 50, 1, None)
    after = await losing(actors.service, fate).change.change(job.id, job.version, change)
    assert (after.priority, after.version) == (50, 1)
    assert len(await actors.service.history(job.id)) == 2


@FATES
async def test_a_retry_by_hand_is_answered_as_done(actors: Actors, fate: Fate) -> None:
    job = await dead_letter(actors)
    after = await losing(actors.service, fate).change.schedule_now(job.id, None, [S.FAILED])
    assert (after.status, after.attempt) == (S.SCHEDULED, 2)
    assert after.version == job.version + 1


@FATES
async def test_a_start_by_hand_brings_a_token_that_fits(actors: Actors, fate: Fate) -> None:
    """R27: the token of the try that took effect."""
    job = await claimed(actors)
    started, token = await losing(actors.service, fate).change.start_by_hand(job.id, None)
    assert started.status is S.RUNNING
    ended = await actors.service.operations.change.end_by_hand(job.id, None, S.SUCCESS, token)
    assert ended.status is S.SUCCESS


@pytest.mark.parametrize("status", [S.SUCCESS, S.FAILED])
@pytest.mark.parametrize("fate", [Fate.REPLY_LOST, Fate.NEVER_ARRIVES])
async def test_an_end_by_hand_is_answered_as_done(
    actors: Actors, fate: Fate, status: JobStatus
) -> None:
    job = await claimed(actors)
    _, token = await actors.service.operations.change.start_by_hand(job.id, None)
    change = losing(actors.service, Fate.WELL, Fate.WELL, fate).change
    ended = await change.end_by_hand(job.id, None, status, token)
    assert ended.status is status
    assert len(await actors.service.stores.jobs.executions_of(job.id)) == 1


async def test_an_end_by_hand_that_was_overtaken_is_not_claimed_as_done(actors: Actors) -> None:
    """R27: its deadline came first; the execution does not carry this outcome."""
    service = actors.service
    job = await claimed(actors)
    _, token = await service.operations.change.start_by_hand(job.id, None)
    await service.pass_time(job.id, 1000)
    await service.end_amnesty()
    other = await service.connect()
    async with other.transaction():
        await service.inside(other).duty("end_overdue")
        change = losing(service, Fate.WELL, Fate.WELL, Fate.NEVER_ARRIVES).change
        ending = asyncio.create_task(change.end_by_hand(job.id, None, S.SUCCESS, token))
        await service.until_blocked()
    with pytest.raises(LeaseLost):
        await ending


async def test_what_somebody_else_did_is_not_answered_as_done(actors: Actors) -> None:
    """R27: the operation's id tells whose commit it was."""
    job = await created(actors)
    await actors.service.operations.change.cancel(job.id)
    with pytest.raises(IllegalTransition):
        await losing(actors.service, Fate.NEVER_ARRIVES).change.cancel(job.id)


async def test_a_killed_backend_is_an_unknown_commit(actors: Actors) -> None:
    """R27: the cancel waits for a lock when its backend is killed; it is repeated, and done once."""
    service = actors.service
    job = await created(actors)
    other = await service.connect()
    async with other.transaction():
        await other.execute("SELECT FROM jobs WHERE id = $1 FOR UPDATE", job.id)
        cancelling = asyncio.create_task(service.operations.change.cancel(job.id))
        await service.until_blocked()
        await service.raw.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
            "WHERE datname = current_database() AND wait_event_type = 'Lock'"
        )
    _, over = await cancelling
    assert over
    assert len(await service.history(job.id)) == 2


async def test_a_connection_cut_after_the_commit_makes_no_second_job(service: Service) -> None:
    """R27: over a real connection, whose reply to the commit is on its way when it breaks."""
    port = urlsplit(service.url).port
    assert port is not None
    async with TcpProxy(upstream_port=port) as proxy:
        url = service.url.replace(f":{port}/", f":{proxy.port}/")
        async with open_service(url, pool_size=2) as cut_off:
            assert await cut_off.operations.create.create([new_job()])
            proxy.delay_seconds = 0.25
            job = new_job()
            creating = asyncio.create_task(cut_off.operations.create.create([job]))

            async def committed() -> bool:
                return bool(
                    await service.raw.fetchval("SELECT count(*) FROM jobs WHERE id = $1", job.id)
                )

            done: bool = await until(committed, what="the job is committed")
            assert done
            assert not creating.done()
            proxy.cut()
            proxy.heal()
            (answer,) = await creating
            assert isinstance(answer, tuple)
            assert (answer[0].id, answer[1]) == (job.id, True)
    assert await jobs(service.raw) == 2
