"""A job in each state, made by the protocol itself."""

from dataclasses import dataclass
from uuid import UUID

from job_service.domain.job import Job
from shared.contracts.states import Outcome
from tests.support.job_service import AHEAD, Service


@dataclass(frozen=True)
class Actors:
    """A service with one scheduler and one worker."""

    service: Service
    scheduler: UUID
    worker: UUID


async def created(actors: Actors) -> Job:
    return await actors.service.create_one(in_seconds=1000)


async def failed(actors: Actors) -> Job:
    lease = await actors.service.leased_one(actors.scheduler, actors.worker)
    await actors.service.finish(actors.worker, lease, Outcome.FAILED, retry_after_seconds=500)
    return await actors.service.job(lease.job_id)


async def dead_letter(actors: Actors) -> Job:
    lease = await actors.service.leased_one(actors.scheduler, actors.worker)
    await actors.service.finish(actors.worker, lease, Outcome.FAILED, retry=False)
    return await actors.service.job(lease.job_id)


async def claimed(actors: Actors) -> Job:
    job = await actors.service.create_one()
    await actors.service.claim(actors.scheduler)
    return await actors.service.job(job.id)


async def held(actors: Actors) -> Job:
    lease = await actors.service.leased_one(actors.scheduler, actors.worker, in_seconds=AHEAD)
    return await actors.service.job(lease.job_id)


async def running(actors: Actors) -> Job:
    lease = await actors.service.leased_one(actors.scheduler, actors.worker)
    return await actors.service.job(lease.job_id)


async def succeeded(actors: Actors) -> Job:
    lease = await actors.service.leased_one(actors.scheduler, actors.worker)
    await actors.service.finish(actors.worker, lease)
    return await actors.service.job(lease.job_id)


async def cancelled(actors: Actors) -> Job:
    job = await actors.service.create_one()
    return (await actors.service.operations.change.cancel(job.id))[0]
