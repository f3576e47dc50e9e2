"""R6 when two changes meet on one job. The second waits for the lock of the first and must then tidy the
narrow tables as they are, not as they were when it began: a row that it missed would stand there for ever,
and a claim that met it would fail with everything else that it was about to claim."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from uuid import UUID

import pytest

from job_service.domain.wanted import Change
from job_service.operations.outcomes import Retryable
from job_service.operations.problems import Problem
from shared.contracts.claims import ClaimRequest
from shared.contracts.leases import DeclineReason, LeaseItem, LeaseRequest, ReleaseRequest
from shared.contracts.nodes import AttemptRef
from shared.contracts.reports import End, ReportRequest
from shared.contracts.states import JobStatus, Outcome
from tests.support.books import assert_one_narrow_row
from tests.support.job_service import Service, end_of, seconds_from_now
from tests.support.waiting import until


@dataclass(frozen=True)
class Scene:
    """One job, by its attempt, and who may do something with it."""

    service: Service
    ref: AttemptRef
    worker: UUID
    other: UUID


@dataclass(frozen=True)
class Actor:
    """One replica, with something to do in a scene."""

    service: Service
    scene: Scene

    async def claim(self) -> None:
        """A round of the scheduler, with a fresh session so that its sequence begins anew."""
        node = await self.scene.service.scheduler()
        request = ClaimRequest(node=node, seq=1, acked=0, limit=100)
        await self.service.operations.claims.claim(request)

    async def lease(self) -> None:
        item = LeaseItem(job_id=self.scene.ref.job_id, attempt=self.scene.ref.attempt)
        await self.service.operations.leases.lease(
            LeaseRequest(node=self.scene.other, items=[item])
        )

    async def decline(self) -> None:
        item = LeaseItem(
            job_id=self.scene.ref.job_id,
            attempt=self.scene.ref.attempt,
            decline=DeclineReason.NO_SLOT,
        )
        await self.service.operations.leases.lease(
            LeaseRequest(node=self.scene.other, items=[item])
        )

    async def release(self) -> None:
        request = ReleaseRequest(node=self.scene.worker, items=[self.scene.ref])
        await self.service.operations.releases.release(request)

    async def fail(self) -> None:
        await self._end(end_of(self.scene.ref, Outcome.FAILED))

    async def fail_for_good(self) -> None:
        await self._end(end_of(self.scene.ref, Outcome.FAILED, retry=False))

    async def snooze(self) -> None:
        await self._end(end_of(self.scene.ref, Outcome.SNOOZED, retry_after_seconds=0.0))

    async def _end(self, end: End) -> None:
        await self.service.operations.reports.report(
            ReportRequest(node=self.scene.worker, ends=[end])
        )

    async def reap(self) -> None:
        """The worker, which was made silent, is reaped."""
        await self.service.duty("reap")

    async def end_overdue(self) -> None:
        await self.service.duty("end_overdue")

    async def reconcile(self) -> None:
        await self.service.duty("reconcile")

    async def expire(self) -> None:
        await self.service.duty("expire")

    async def cancel(self) -> None:
        await self.service.operations.change.cancel(self.scene.ref.job_id)

    async def reschedule(self) -> None:
        await self._change(Change(seconds_from_now(0.5), None, None, None))

    async def reprioritise(self) -> None:
        await self._change(Change(None, 90, 0, None))

    async def _change(self, change: Change) -> None:
        job = await self.scene.service.job(self.scene.ref.job_id)
        await self.service.operations.change.change(job.id, job.version, change)

    async def retry(self) -> None:
        sources = [JobStatus.CREATED, JobStatus.FAILED]
        await self.service.operations.change.schedule_now(self.scene.ref.job_id, None, sources)

    async def start_by_hand(self) -> None:
        await self.service.operations.change.start_by_hand(self.scene.ref.job_id, None)


Act = Callable[[Actor], Awaitable[None]]

FIRST: list[tuple[str, Act]] = [
    ("due", Actor.claim),
    ("due", Actor.cancel),
    ("due", Actor.retry),
    ("claimed", Actor.lease),
    ("claimed", Actor.decline),
    ("claimed", Actor.reconcile),
    ("claimed", Actor.reschedule),
    ("claimed", Actor.start_by_hand),
    ("armed", Actor.claim),
    ("armed", Actor.lease),
    ("leased", Actor.release),
    ("leased", Actor.fail),
    ("leased", Actor.fail_for_good),
    ("leased", Actor.snooze),
    ("leased", Actor.reap),
    ("leased", Actor.end_overdue),
]
SECOND: list[Act] = [
    Actor.cancel,
    Actor.reschedule,
    Actor.reprioritise,
    Actor.retry,
    Actor.start_by_hand,
    Actor.lease,
    Actor.decline,
    Actor.expire,
    Actor.reconcile,
]


@pytest.mark.parametrize(("stage", "first"), FIRST, ids=[f"{s}-{a.__name__}" for s, a in FIRST])
async def test_every_narrow_row_is_in_its_place_after_two_changes_met(
    service: Service, stage: str, first: Act
) -> None:
    """R6: whichever two changes meet, and a claim goes on working afterwards."""
    for second in SECOND:
        scene = await _scene(service, stage)
        await _meet(scene, first, second)
        try:
            await assert_one_narrow_row(service.raw)
        except AssertionError as broken:
            pytest.fail(f"{first.__name__} met {second.__name__}: {broken}")
    await _make_due(service)
    await service.claim(await service.scheduler())


async def _scene(service: Service, stage: str) -> Scene:
    scheduler, worker = await service.scheduler(), await service.worker(slots=10_000)
    job = await service.create_one(expires_at=seconds_from_now(3_600))
    scene = Scene(service, AttemptRef(job_id=job.id, attempt=1), worker, await service.worker())
    me = Actor(service, scene)
    if stage != "due":
        await service.claim(scheduler)
    if stage == "armed":
        await me.decline()
        await _make_due(service)
    if stage == "leased":
        await service.lease(worker, [scene.ref])
    await service.raw.execute("UPDATE expiring SET expires_at = now() WHERE job_id = $1", job.id)
    await service.raw.execute(
        "UPDATE inflight SET look_at = now(), since = now() - interval '1 hour', "
        "ready_at = now() - interval '1 hour' WHERE job_id = $1",
        job.id,
    )
    await service.expire_node(worker)
    await service.end_amnesty()
    return scene


async def _meet(scene: Scene, first: Act, second: Act) -> None:
    """The second begins while the first has changed the job and not committed."""
    service = scene.service
    raw = await service.connect()
    begun = raw.transaction()
    await begun.start()
    await first(Actor(service.inside(raw), scene))
    follower = asyncio.create_task(_attempt(second, scene))

    async def waits_or_is_done() -> bool:
        if follower.done():
            return True
        return bool(await service.raw.fetchval(_BLOCKED))

    met: bool = await until(waits_or_is_done, what=f"{second.__name__} meets {first.__name__}")
    assert met
    await begun.commit()
    await follower
    raw.terminate()


_BLOCKED = """
SELECT count(*) FROM pg_stat_activity
WHERE datname = current_database() AND wait_event_type = 'Lock'
"""


async def _attempt(act: Act, scene: Scene) -> None:
    try:
        await act(Actor(scene.service, scene))
    except (Problem, Retryable):
        return


async def _make_due(service: Service) -> None:
    """Whatever stands in due is due now."""
    await service.raw.execute(
        "WITH d AS (UPDATE due SET dispatch_at = now() - interval '1 second' RETURNING job_id, dispatch_at) "
        "UPDATE jobs SET dispatch_at = d.dispatch_at FROM d WHERE jobs.id = d.job_id"
    )
