"""Public routes that change one job: its time, its state, its existence."""

import json
from typing import Protocol
from uuid import UUID

from fastapi import APIRouter, Response

from job_service.api.documented import JOB, problems
from job_service.api.json_route import JsonRoute
from job_service.api.models import ChangeJob, SetState, public_job
from job_service.api.replies import IfMatch, JobId, success, version_of
from job_service.domain.job import Job
from job_service.domain.priority import band_of
from job_service.domain.wanted import Change
from job_service.operations.change_by_client import ChangeByClient
from job_service.operations.delete_job import DeleteJob
from job_service.operations.problems import (
    IllegalTransition,
    NotFound,
    Problem,
    StaleVersion,
    VersionConflict,
)
from shared.contracts.states import JobStatus


class ReadJob(Protocol):
    """Reads a job."""

    async def get(self, job_id: UUID) -> Job | None: ...


class PreconditionRequired(Problem):
    """A change without the version it is based on."""

    slug, status, title = "precondition-required", 428, "If-Match required"


def routes(change: ChangeByClient, delete: DeleteJob, read: ReadJob) -> APIRouter:
    """The router."""
    router = APIRouter(prefix="/api/v1/jobs", tags=["jobs"], route_class=JsonRoute)
    _add_verbs(router, change)
    _add_deletion(router, delete)
    _add_patch(router, change)
    _add_state(router, change, read)
    return router


def _add_verbs(router: APIRouter, change: ChangeByClient) -> None:
    @router.post(
        "/{job_id}/cancel",
        summary="Cancel a job, or ask its worker to",
        responses={
            200: JOB,
            202: {**JOB, "description": "The worker is asked"},
            **problems(404, 409, 412),
        },
    )
    async def cancel_job(job_id: JobId, if_match: IfMatch = None) -> Response:
        job, over = await change.cancel(job_id, version_of(if_match))
        message = "Job cancelled" if over else "Cancel asked; the worker is told"
        return success(message, public_job(job), status=200 if over else 202, job=job)

    @router.post(
        "/{job_id}/retry",
        summary="Run a failed job again, now, with one more attempt allowed",
        responses={200: JOB, **problems(404, 409, 412)},
    )
    async def retry_job(job_id: JobId, if_match: IfMatch = None) -> Response:
        job = await change.schedule_now(job_id, version_of(if_match), [JobStatus.FAILED])
        return success("Job is due now", public_job(job), job=job)

    @router.post(
        "/{job_id}/abandon",
        summary="Give up a job that failed or was stopped",
        responses={200: JOB, **problems(404, 409, 412)},
    )
    async def abandon_job(job_id: JobId, if_match: IfMatch = None) -> Response:
        job = await change.abandon(job_id, version_of(if_match))
        return success("Job abandoned", public_job(job), job=job)


def _add_deletion(router: APIRouter, delete: DeleteJob) -> None:
    @router.delete(
        "/{job_id}",
        status_code=204,
        summary="Delete a settled job; its history stays",
        responses=problems(404, 409, 412),
    )
    async def delete_job(job_id: JobId, if_match: IfMatch = None) -> Response:
        await delete.delete(job_id, version_of(if_match))
        return Response(status_code=204)


def _add_patch(router: APIRouter, change: ChangeByClient) -> None:
    @router.patch(
        "/{job_id}",
        summary="Reschedule, reprioritise or relabel a job",
        responses={200: JOB, **problems(404, 409, 412, 428, body=True)},
    )
    async def change_job(job_id: JobId, body: ChangeJob, if_match: IfMatch = None) -> Response:
        version = version_of(if_match)
        if version is None:
            raise PreconditionRequired(
                'Send If-Match with the version that the change is based on, as in If-Match: "3".'
            )
        wanted = Change(
            scheduled_time=body.scheduled_time,
            priority=body.priority,
            band=None if body.priority is None else band_of(body.priority),
            labels=None if body.labels is None else json.dumps(body.labels),
        )
        job = await change.change(job_id, version, wanted)
        return success("Job changed", public_job(job), job=job)


def _add_state(router: APIRouter, change: ChangeByClient, read: ReadJob) -> None:
    @router.patch(
        "/{job_id}/state",
        summary="Set the state by hand",
        responses={200: JOB, **problems(404, 409, 412, body=True)},
    )
    async def set_state(job_id: JobId, body: SetState, if_match: IfMatch = None) -> Response:
        named = version_of(if_match)
        if named is not None and body.version not in {None, named}:
            raise await _stale(read, job_id, named, body.version)
        try:
            version = body.version if named is None else named
            return await _set_state(change, read, job_id, version, body)
        except VersionConflict as stale:
            if named is not None:
                raise
            raise StaleVersion(stale.facts["expected"], stale.facts["actual"]) from None


async def _stale(read: ReadJob, job_id: UUID, named: int, said: int | None) -> Problem:
    """Header and body name different versions, so at least one of them is stale; the header goes first."""
    job = await read.get(job_id)
    if job is None:
        return NotFound("job", job_id)
    if named != job.version:
        return VersionConflict(named, job.version)
    return StaleVersion(said or 0, job.version)


async def _set_state(
    change: ChangeByClient, read: ReadJob, job_id: UUID, version: int | None, body: SetState
) -> Response:
    """By the state table: what a client's hand may do to this job (R17)."""
    status = JobStatus(body.status)
    token: str | None = None
    over = True
    if status is JobStatus.SCHEDULED:
        sources = [JobStatus.CREATED, JobStatus.FAILED]
        job = await change.schedule_now(job_id, version, sources)
    elif status is JobStatus.CREATED:
        job = await change.take_back(job_id, version)
    elif status is JobStatus.RUNNING:
        job, token = await change.start_by_hand(job_id, version)
    elif status in {JobStatus.SUCCESS, JobStatus.FAILED}:
        job = await change.end_by_hand(job_id, version, status, body.lease_token)
    elif status is JobStatus.CANCELLED:
        job, over = await change.cancel(job_id, version)
    elif status is JobStatus.ABANDONED:
        job = await change.abandon(job_id, version)
    else:
        raise await _no_such_way(read, job_id, version, status)
    data = public_job(job)
    if token is not None:
        data["leaseToken"] = token
    message = f"Job is {job.status}" if over else "Cancel asked; the worker is told"
    return success(message, data, status=200 if over else 202, job=job)


async def _no_such_way(
    read: ReadJob, job_id: UUID, version: int | None, status: JobStatus
) -> Problem:
    job = await read.get(job_id)
    if job is None:
        return NotFound("job", job_id)
    if version is not None and version != job.version:
        return VersionConflict(version, job.version)
    return IllegalTransition.of(job, f"set to {status} by hand")
