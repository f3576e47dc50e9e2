"""Long-polls that miss nothing: R26.

Where a ring is what is tested, looking again by itself is put off for a minute: then only the ring can bring
the answer before the wait is over.
"""

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack

import pytest

from job_service.domain.credits import Credits
from job_service.domain.recent_ways import RecentWays
from job_service.operations import claim_due, wait_for_cancels
from job_service.operations.claim_due import ClaimDue
from job_service.postgres.claims import Claims
from shared.contracts.claims import Claimed, ClaimReply, ClaimRequest
from shared.contracts.nodes import AskCancels
from shared.kernel.clock import monotonic
from tests.support.job_service import Service, new_job
from tests.support.replicas import cut_off, listeners, replica
from tests.support.waiting import until

WAIT_SECONDS = 20.0
A_MINUTE = 60.0


@pytest.fixture
def rings_only(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nobody looks again by itself during a test."""
    for module, name in (
        (claim_due, "LOOK_AGAIN_SECONDS"),
        (claim_due, "LOOK_FOR_CREDIT_SECONDS"),
        (wait_for_cancels, "LOOK_AGAIN_SECONDS"),
    ):
        monkeypatch.setattr(module, name, A_MINUTE)


@pytest.fixture
async def replicas(database_url: str) -> AsyncIterator[tuple[Service, Service]]:
    """Two of them on one database."""
    async with AsyncExitStack() as stack:
        first = await stack.enter_async_context(replica(database_url))
        yield first, await stack.enter_async_context(replica(database_url))


async def waiting(service: Service, scheduler: object) -> "asyncio.Task[ClaimReply]":
    """A claim that has looked, found nothing, and waits."""
    request = ClaimRequest.model_validate(
        {"node": scheduler, "seq": 1, "acked": 0, "limit": 10, "wait_seconds": WAIT_SECONDS}
    )
    polling = asyncio.create_task(service.operations.claims.claim(request))

    async def looked() -> bool:
        return bool(
            await service.raw.fetchval(
                "SELECT count(*) FROM scheduler_claims WHERE node = $1", scheduler
            )
        )

    found: bool = await until(looked, what="the first look is over")
    assert found
    return polling


async def answered(polling: "asyncio.Task[ClaimReply]", job_id: object) -> None:
    """Long before the wait is over."""
    async with asyncio.timeout(WAIT_SECONDS / 2):
        reply = await polling
    assert [claimed.job_id for claimed in reply.jobs] == [job_id]


class SomebodyCreates(Claims):
    """A job is created, and the bell rung, after the first look has found nothing and before it waits."""

    service: Service

    async def claim(self, node: object, seq: int, credit: Credits, *, first: bool) -> list[Claimed]:
        found = await super().claim(node, seq, credit, first=first)  # type: ignore[arg-type]
        if first:
            await self.service.create_one()
        return found


@pytest.mark.usefixtures("rings_only")
async def test_what_is_created_between_look_and_wait_is_seen(service: Service) -> None:
    """R26: the waiter is registered before it looks."""
    scheduler = await service.scheduler()
    await service.worker()
    store = SomebodyCreates(
        service.stores.database,
        lookahead_seconds=2.0,
        aged_after_seconds=60.0,
        look_after_seconds=10.0,
    )
    store.service = service
    claims = ClaimDue(store, service.bells.due, RecentWays(monotonic), aged_share=0.1)
    request = ClaimRequest(node=scheduler, seq=1, acked=0, limit=10, wait_seconds=WAIT_SECONDS)
    async with asyncio.timeout(WAIT_SECONDS / 2):
        reply = await claims.claim(request)
    assert len(reply.jobs) == 1


@pytest.mark.usefixtures("rings_only")
async def test_a_create_wakes_the_claim_that_waits(service: Service) -> None:
    """R26: at once."""
    scheduler = await service.scheduler()
    await service.worker()
    polling = await waiting(service, scheduler)
    job = await service.create_one()
    await answered(polling, job.id)


@pytest.mark.usefixtures("rings_only")
async def test_a_create_that_is_due_soon_wakes_the_claim_that_waits(service: Service) -> None:
    """R26: it is claimed ahead of its time, so it must be heard of ahead of its time."""
    scheduler = await service.scheduler()
    await service.worker()
    polling = await waiting(service, scheduler)
    far = await service.create_one(in_seconds=600)
    soon = await service.create_one(in_seconds=1)
    await answered(polling, soon.id)
    assert await service.row("due", far.id) is not None


@pytest.mark.usefixtures("rings_only")
async def test_a_worker_that_comes_wakes_the_claim_that_waits(service: Service) -> None:
    """R26: what was missing was a slot."""
    scheduler = await service.scheduler()
    job = await service.create_one()
    polling = await waiting(service, scheduler)
    await service.worker()
    await answered(polling, job.id)


async def test_whoever_waits_looks_again_each_second(service: Service) -> None:
    """R26: a job that nobody rang for."""
    scheduler = await service.scheduler()
    await service.worker()
    polling = await waiting(service, scheduler)
    (created, _) = await service.stores.jobs.insert([new_job()])
    await answered(polling, created[0].id)


async def test_a_wait_ends_empty_after_its_time(service: Service) -> None:
    """R26: nothing came."""
    scheduler = await service.scheduler()
    await service.worker()
    reply = await service.claim_reply(scheduler, wait_seconds=0.3)
    assert (reply.live, reply.jobs) == (True, [])


@pytest.mark.usefixtures("rings_only")
async def test_a_create_on_one_replica_wakes_a_claim_on_another(
    replicas: tuple[Service, Service],
) -> None:
    """R26: NOTIFY carries the ring."""
    here, there = replicas
    scheduler = await here.scheduler()
    await here.worker()
    polling = await waiting(here, scheduler)
    job = await there.create_one()
    await answered(polling, job.id)


@pytest.mark.usefixtures("rings_only")
async def test_a_cancel_on_one_replica_wakes_the_holder_on_another(
    replicas: tuple[Service, Service],
) -> None:
    """R26, R20: and whoever else waits there does not swallow the ring."""
    here, there = replicas
    scheduler, worker = await here.scheduler(), await here.worker()
    lease = await here.leased_one(scheduler, worker)
    others = [
        asyncio.create_task(here.operations.cancels.ask(node, AskCancels(wait_seconds=1.0)))
        for node in (await here.worker(), await here.worker())
    ]
    mine = asyncio.create_task(
        here.operations.cancels.ask(worker, AskCancels(wait_seconds=WAIT_SECONDS))
    )
    await until(lambda: len(here.bells.cancels._waiters) == 3, what="all three wait")
    await there.operations.change.cancel(lease.job_id)
    async with asyncio.timeout(WAIT_SECONDS / 2):
        assert [ref.job_id for ref in (await mine).cancels] == [lease.job_id]
    assert [(await other).cancels for other in others] == [[], []]


@pytest.mark.usefixtures("rings_only")
async def test_rings_that_were_missed_are_made_up_for_after_a_reconnect(database_url: str) -> None:
    """R26: the connection that listens is killed; who waits is woken when it is back."""
    async with replica(database_url) as service:
        scheduler = await service.scheduler()
        await service.worker()
        polling = await waiting(service, scheduler)
        await service.create_one(job_type="OTHER")
        assert await listening(service)
        assert await cut_off(service.raw) == 1
        (created, _) = await service.stores.jobs.insert([new_job()])
        await answered(polling, created[0].id)
        assert await listening(service)


async def listening(service: Service) -> bool:
    """Its connection listens, again."""

    async def is_there() -> bool:
        return await listeners(service.raw) == 1

    return await until(is_there, what="the replica listens")
