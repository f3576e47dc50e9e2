"""R11: batches lock their jobs in the order of their ids, so that no two of them wait in a circle."""

import asyncio
import random
from collections import Counter
from collections.abc import Awaitable, Callable, Coroutine
from typing import Any
from uuid import UUID

import pytest

from job_service.domain.job import Job
from job_service.domain.wanted import Change, Wanted
from job_service.operations.outcomes import Retryable
from job_service.operations.problems import Problem
from shared.contracts.claims import ClaimRequest, Published
from shared.contracts.leases import DeclineReason, LeaseItem, LeaseRequest
from shared.contracts.nodes import AttemptRef
from shared.contracts.states import Outcome
from shared.kernel.ids import new_id
from tests.support.given import Actors
from tests.support.job_service import (
    AHEAD,
    Service,
    end_of,
    open_service,
    seconds_from_now,
    start_of,
)

PATIENCE_SECONDS = 30.0
"""A slow machine gets every lock in that time; PostgreSQL names a circle after one second."""

Batch = Callable[[Actors, list[AttemptRef]], Coroutine[Any, Any, Any]]


def _lease(actors: Actors, refs: list[AttemptRef]) -> Coroutine[Any, Any, Any]:
    return actors.service.lease(actors.worker, refs)


def _decline(actors: Actors, refs: list[AttemptRef]) -> Coroutine[Any, Any, Any]:
    items = [
        LeaseItem(job_id=r.job_id, attempt=r.attempt, decline=DeclineReason.NO_SLOT) for r in refs
    ]
    request = LeaseRequest(node=actors.worker, items=items)
    return actors.service.operations.leases.lease(request)


def _start(actors: Actors, refs: list[AttemptRef]) -> Coroutine[Any, Any, Any]:
    return actors.service.report(actors.worker, starts=[start_of(r) for r in refs])


def _end(actors: Actors, refs: list[AttemptRef]) -> Coroutine[Any, Any, Any]:
    ends = [end_of(r, Outcome.CANCELLED) for r in refs]
    return actors.service.report(actors.worker, ends=ends)


def _release(actors: Actors, refs: list[AttemptRef]) -> Coroutine[Any, Any, Any]:
    return actors.service.release(actors.worker, refs)


async def _reap_worker(actors: Actors, _: list[AttemptRef]) -> None:
    await actors.service.operations.sessions.leave(actors.worker)
    await actors.service.stores.reaping.take_back(10)


async def _reap_scheduler(actors: Actors, _: list[AttemptRef]) -> None:
    await actors.service.operations.sessions.leave(actors.scheduler)
    await actors.service.stores.reaping.arm_claims_of_dead(10)


async def _end_overdue(actors: Actors, _: list[AttemptRef]) -> None:
    await actors.service.stores.overdue.end_overdue(10, 0.5)


async def _expire(actors: Actors, _: list[AttemptRef]) -> None:
    await actors.service.stores.overdue.expire(10)


def _start_and_end(actors: Actors, refs: list[AttemptRef]) -> Coroutine[Any, Any, Any]:
    """The smallest id among the ends, which are applied after the starts."""
    *others, smallest = refs
    return actors.service.report(
        actors.worker,
        starts=[start_of(r) for r in others],
        ends=[end_of(smallest, Outcome.CANCELLED)],
    )


CLAIMED: list[Batch] = [_lease, _decline, _reap_scheduler, _expire]
HELD: list[Batch] = [_start, _end, _start_and_end, _release, _reap_worker, _end_overdue]


@pytest.mark.parametrize(
    ("batch", "leased"), [(b, False) for b in CLAIMED] + [(b, True) for b in HELD]
)
async def test_a_batch_locks_the_smallest_id_first(
    actors: Actors, batch: Batch, leased: bool
) -> None:
    """R11: while it waits for the job with the smallest id it has locked none of the others, whatever the
    order it was asked in and the order the rows lie in."""
    service = actors.service
    ids = sorted(new_id() for _ in range(3))
    for job_id in reversed(ids):
        await service.create_one(id=job_id, in_seconds=AHEAD, expires_at=seconds_from_now(900))
    claimed = await service.claim(actors.scheduler)
    if leased:
        await service.lease(actors.worker, claimed)
    for job_id in ids:
        await service.pass_time(job_id, 1000)
    await service.end_amnesty()
    refs = [AttemptRef(job_id=job_id, attempt=1) for job_id in reversed(ids)]
    other = await service.connect()
    async with other.transaction():
        await other.execute("SELECT FROM jobs WHERE id = $1 FOR UPDATE", ids[0])
        waiting = asyncio.create_task(batch(actors, refs))
        await service.until_blocked()
        free = await service.raw.fetch(
            "SELECT id FROM jobs WHERE id = ANY ($1::uuid[]) FOR UPDATE SKIP LOCKED", ids
        )
    await waiting
    assert sorted(row["id"] for row in free) == ids[1:]


async def test_looking_again_later_waits_for_no_lease(actors: Actors) -> None:
    """R11: the reconciler moves rows of `inflight` alone, so it must not wait for who has locked the jobs."""
    service = actors.service
    jobs = await service.create(2)
    claimed = await service.claim(actors.scheduler)
    await service.raw.execute("UPDATE inflight SET look_at = now() - interval '1 second'")
    other = await service.connect()
    async with other.transaction():
        await service.inside(other).lease(actors.worker, claimed[:1])
        counts = await asyncio.wait_for(service.duty("reconcile"), 1.5)
    assert (counts["looked"], counts["armed"]) == (len(jobs), 0)
    later = await service.raw.fetchval("SELECT count(*) FROM inflight WHERE look_at > now()")
    assert later == len(jobs)


async def test_what_was_armed_again_while_a_claim_waited_leaves_the_shelf(actors: Actors) -> None:
    """R6: a claim that had to wait has a picture from before its wait; a job whose place on the shelf was
    written anew meanwhile, and that is claimed, is not on the shelf any more."""
    service = actors.service
    await service.create(1)
    (job,) = await service.claim(actors.scheduler)
    refs = [AttemptRef(job_id=job.job_id, attempt=job.attempt)]
    await _decline(actors, refs)
    await service.pass_time(job.job_id, 10)
    other = await service.connect()
    async with other.transaction():
        await other.execute("SELECT FROM nodes WHERE id = $1 FOR UPDATE", actors.scheduler)
        waiting = asyncio.create_task(service.claim(actors.scheduler))
        await service.until_blocked()
        await _decline(actors, refs)
    assert [ref.job_id for ref in await waiting] == [job.job_id]
    assert await service.raw.fetchval("SELECT count(*) FROM inflight") == 1
    assert await service.raw.fetchval("SELECT count(*) FROM due") == 0


async def test_a_row_that_was_left_in_flight_stops_no_claim(actors: Actors) -> None:
    """R7: whatever left it there, what is due is claimed, and the row is the new claim's."""
    service = actors.service
    (job,) = await service.create(1)
    await service.raw.execute(
        """INSERT INTO inflight (job_id, attempt, job_type, ready_at, worker, since, look_at)
           SELECT id, 7, job_type, ready_at, $2, now(), now() FROM jobs WHERE id = $1""",
        job.id,
        actors.worker,
    )
    assert [ref.job_id for ref in await service.claim(actors.scheduler)] == [job.id]
    row = await service.raw.fetchrow("SELECT * FROM inflight WHERE job_id = $1", job.id)
    assert row is not None
    assert (row["attempt"], row["worker"], row["scheduler"]) == (1, None, actors.scheduler)


JOBS = 30
ROUNDS = 12
ACTORS_AT_ONCE = 8


class Hustle:
    """Everybody changes the same few jobs at once, each batch in an order of its own."""

    def __init__(self, actors: Actors, ids: list[UUID], dice: random.Random) -> None:
        self.service = actors.service
        self.scheduler = actors.scheduler
        self.workers = [actors.worker]
        self.ids = ids
        self.dice = dice
        self.seq = 0
        self.done: Counter[str] = Counter()
        self.errors: list[str] = []

    async def refs(self) -> list[AttemptRef]:
        """Some jobs at their current attempt, in any order."""
        some = self.dice.sample(self.ids, self.dice.randint(2, len(self.ids)))
        jobs = await self.service.stores.jobs.by_ids(some)
        return [AttemptRef(job_id=i, attempt=max(1, jobs[i].attempt)) for i in some]

    async def claim(self) -> None:
        self.seq += 1
        published = [
            Published(job_id=r.job_id, attempt=r.attempt, topic_partition=0, record_offset=self.seq)
            for r in await self.refs()
        ]
        await self.service.operations.claims.claim(
            ClaimRequest(
                node=self.scheduler,
                seq=self.seq,
                acked=self.seq - 1,
                limit=100,
                published=published,
            )
        )

    async def lease(self) -> None:
        await self.service.lease(self.dice.choice(self.workers), await self.refs())

    async def decline(self) -> None:
        items = [
            LeaseItem(job_id=r.job_id, attempt=r.attempt, decline=DeclineReason.NO_SLOT)
            for r in await self.refs()
        ]
        request = LeaseRequest(node=self.workers[0], items=items)
        await self.service.operations.leases.lease(request)

    async def report(self) -> None:
        refs = await self.refs()
        half = len(refs) // 2
        ends = [
            end_of(r, self.dice.choice([Outcome.SNOOZED, Outcome.FAILED]), retry_after_seconds=0)
            for r in refs[:half]
        ]
        starts = [start_of(r) for r in refs[half:]]
        await self.service.report(self.dice.choice(self.workers), starts=starts, ends=ends)

    async def release(self) -> None:
        await self.service.release(self.dice.choice(self.workers), await self.refs())

    async def change(self) -> None:
        wanted = [Wanted(job_id, None, new_id()) for job_id in self.dice.sample(self.ids, 5)]
        when = [self.dice.choice([None, seconds_from_now(self.dice.random())]) for _ in wanted]
        changes = [Change(at, 10, self.dice.choice([0, 2, 4]), None) for at in when]
        await self.service.stores.changes.change(wanted, changes)

    async def cancel(self) -> None:
        job_id = self.dice.choice(self.ids)
        await self.service.operations.change.cancel(job_id)
        self.ids.remove(job_id)

    async def duties(self) -> None:
        for name in ("reap", "reconcile", "end_overdue", "expire", "fold_counts"):
            await self.service.duty(name)

    async def one(self, act: Callable[[], Awaitable[None]]) -> None:
        try:
            await act()
            self.done[act.__name__] += 1
        except Retryable as error:
            self.errors.append(f"{act.__name__}: {error}")
        except Problem:
            self.done["refused"] += 1

    async def run(self) -> None:
        acts = [
            self.claim,
            self.claim,
            self.lease,
            self.lease,
            self.decline,
            self.report,
            self.report,
            self.release,
            self.change,
            self.duties,
        ]
        for n in range(ROUNDS):
            chosen = self.dice.choices(acts, k=ACTORS_AT_ONCE) + [self.cancel] * (n % 4 == 0)
            await asyncio.gather(*(self.one(act) for act in chosen))


@pytest.mark.parametrize("seed", [1, 2, 3])
async def test_nobody_waits_in_a_circle(service: Service, seed: int) -> None:
    """R11: claims, leases, reports, releases, changes, cancels and duties on the same jobs at once, in random
    orders: no deadlock, no lock that is not got in time, and the books are in order."""
    async with open_service(service.url, patience=PATIENCE_SECONDS) as replica:
        await _hustle(Actors(replica, await service.scheduler(), await service.worker()), seed)


async def _hustle(actors: Actors, seed: int) -> None:
    service = actors.service
    jobs: list[Job] = await service.create(JOBS, max_attempts=100)
    await service.end_amnesty()
    hustle = Hustle(actors, [job.id for job in jobs], random.Random(seed))
    hustle.workers.append(await service.worker())
    await hustle.run()
    assert hustle.errors == []
    assert hustle.done["lease"] > 0
    assert hustle.done["report"] > 0
