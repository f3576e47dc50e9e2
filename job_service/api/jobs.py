"""Public routes on jobs."""

import hashlib
import json
from typing import Annotated, Any, Protocol
from uuid import UUID

from fastapi import APIRouter, Header, Path, Request, Response
from fastapi.responses import JSONResponse

from job_service.api.models import (
    MAX_KEY_CHARS,
    ChangeJob,
    CreateJob,
    SetState,
    public_execution,
    public_history,
    public_job,
)
from job_service.domain.job import Job
from job_service.domain.lifecycle import allowed_to_clients
from job_service.domain.priority import band_of
from job_service.domain.wanted import Change
from job_service.operations.change_by_client import ChangeByClient
from job_service.operations.create_jobs import CreateJobs
from job_service.operations.problems import (
    IllegalTransition,
    Invalid,
    KeyReused,
    NotFound,
    Problem,
    VersionConflict,
)
from shared.contracts.states import JobStatus
from shared.kernel.ids import new_id

JobId = Annotated[UUID, Path(description="The job's id, a UUIDv7.")]
IfMatch = Annotated[str | None, Header(alias="If-Match", max_length=40)]


class ReadJobs(Protocol):
    """What the reading routes need of the database."""

    async def get(self, job_id: UUID) -> Job | None: ...
    async def history_of(self, job_id: UUID) -> list[Any]: ...
    async def executions_of(self, job_id: UUID) -> list[Any]: ...


class IfMatchRequired(Problem):
    """A change without the version it is based on."""

    slug, status, title = "validation", 428, "If-Match required"


def success(
    message: str,
    data: Any,
    *,
    status: int = 200,
    job: Job | None = None,
    location: str | None = None,
) -> JSONResponse:
    """The success envelope, with the job's version as its ETag."""
    headers = {}
    if job is not None:
        headers["ETag"] = f'"{job.version}"'
    if location is not None:
        headers["Location"] = location
    return JSONResponse(
        {"success": True, "message": message, "data": data}, status_code=status, headers=headers
    )


def version_of(if_match: str | None) -> int | None:
    """The version in an `If-Match` header; None without one or with `*`.

    Raises:
        Invalid: it is no version.
    """
    if if_match is None or if_match.strip() == "*":
        return None
    text = if_match.strip().removeprefix("W/").strip('"')
    if not text.isascii() or not text.isdigit() or len(text) > 10:
        raise Invalid("If-Match", 'write the version as "3", as the ETag of the job shows it')
    return int(text)


def routes(create: CreateJobs, change: ChangeByClient, read: ReadJobs) -> APIRouter:
    """The router."""
    router = APIRouter(prefix="/api/v1/jobs", tags=["jobs"])
    _add_create(router, create)
    _add_reads(router, read)
    _add_changes(router, change, read)
    return router


def _add_create(router: APIRouter, create: CreateJobs) -> None:
    @router.post("", status_code=201, summary="Create a job")
    async def create_job(
        request: Request,
        body: CreateJob,
        idempotency_key: Annotated[
            str | None, Header(min_length=1, max_length=MAX_KEY_CHARS)
        ] = None,
        traceparent: Annotated[str | None, Header(max_length=200)] = None,
    ) -> Response:
        body_hash = hashlib.sha256(
            json.dumps(body.model_dump(mode="json"), sort_keys=True).encode()
        ).digest()
        job = body.to_new_job(
            new_id(),
            traceparent=traceparent,
            key=idempotency_key,
            body_hash=body_hash if idempotency_key else None,
        )
        (answer,) = await create.create([job])
        if isinstance(answer, KeyReused):
            raise answer
        made, new = answer
        return success(
            "Job created" if new else "Job was created before under this key",
            public_job(made),
            status=201 if new else 200,
            job=made,
            location=f"/api/v1/jobs/{made.id}",
        )


def _add_reads(router: APIRouter, read: ReadJobs) -> None:
    async def existing(job_id: UUID) -> Job:
        job = await read.get(job_id)
        if job is None:
            raise NotFound("job", job_id)
        return job

    @router.get("/{job_id}", summary="One job")
    async def get_job(
        job_id: JobId, if_none_match: Annotated[str | None, Header(max_length=40)] = None
    ) -> Response:
        job = await existing(job_id)
        if if_none_match is not None and if_none_match.strip() == f'"{job.version}"':
            return Response(status_code=304, headers={"ETag": f'"{job.version}"'})
        return success("Job", public_job(job), job=job)

    @router.get("/{job_id}/history", summary="Every transition of a job, oldest first")
    async def get_history(job_id: JobId) -> Response:
        rows = await read.history_of(job_id)
        if not rows:
            raise NotFound("job", job_id)
        return success("History", [public_history(row) for row in rows])

    @router.get("/{job_id}/executions", summary="Every attempt of a job that was leased")
    async def get_executions(job_id: JobId) -> Response:
        rows = await read.executions_of(job_id)
        if not rows:
            await existing(job_id)
        return success("Executions", [public_execution(row) for row in rows])


def _add_changes(router: APIRouter, change: ChangeByClient, read: ReadJobs) -> None:
    @router.post("/{job_id}/cancel", summary="Cancel a job, or ask its worker to")
    async def cancel_job(job_id: JobId, if_match: IfMatch = None) -> Response:
        job, over = await change.cancel(job_id, version_of(if_match))
        message = "Job cancelled" if over else "Cancel asked; the worker is told"
        return success(message, public_job(job), status=200 if over else 202, job=job)

    @router.post("/{job_id}/retry", summary="Run a failed job again, now")
    async def retry_job(job_id: JobId, if_match: IfMatch = None) -> Response:
        job = await change.schedule_now(job_id, version_of(if_match), [JobStatus.FAILED])
        return success("Job is due now", public_job(job), job=job)

    @router.patch("/{job_id}", summary="Reschedule, reprioritise or relabel a job")
    async def change_job(job_id: JobId, body: ChangeJob, if_match: IfMatch = None) -> Response:
        version = version_of(if_match)
        if version is None:
            raise IfMatchRequired(
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

    @router.patch("/{job_id}/state", summary="Set the state by hand")
    async def set_state(job_id: JobId, body: SetState, if_match: IfMatch = None) -> Response:
        version = body.version if body.version is not None else version_of(if_match)
        return await _set_state(change, read, job_id, version, body)


async def _set_state(
    change: ChangeByClient, read: ReadJobs, job_id: UUID, version: int | None, body: SetState
) -> Response:
    """By the state table: what a client's hand may do to this job (R17)."""
    status = JobStatus(body.status)
    token: str | None = None
    if status is JobStatus.SCHEDULED:
        sources = [JobStatus.CREATED, JobStatus.FAILED]
        job = await change.schedule_now(job_id, version, sources)
    elif status is JobStatus.RUNNING:
        job, token = await change.start_by_hand(job_id, version)
    elif status in {JobStatus.SUCCESS, JobStatus.FAILED}:
        job = await change.end_by_hand(job_id, version, status, body.lease_token)
    elif status is JobStatus.CANCELLED:
        job, _ = await change.cancel(job_id, version)
    else:
        raise await _no_such_way(read, job_id, version, status)
    data = public_job(job)
    if token is not None:
        data["leaseToken"] = token
    return success(f"Job is {job.status}", data, job=job)


async def _no_such_way(
    read: ReadJobs, job_id: UUID, version: int | None, status: JobStatus
) -> Problem:
    job = await read.get(job_id)
    if job is None:
        return NotFound("job", job_id)
    if version is not None and version != job.version:
        return VersionConflict(version, job.version)
    allowed = [s.value for s in allowed_to_clients(job.status)]
    return IllegalTransition(
        f"A job is not set to {status} by hand; from {job.status} it can become: "
        f"{', '.join(allowed) or 'nothing, the state is final'}.",
        current=job.status.value,
        allowed=allowed,
        version=job.version,
    )
