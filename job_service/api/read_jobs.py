"""Public routes that read one job, its history and its executions."""

from typing import Any, Protocol
from uuid import UUID

from fastapi import APIRouter, Response

from job_service.api.documented import (
    JOB,
    TAGGED,
    ExecutionsReply,
    HistoryReply,
    LogReply,
    problems,
)
from job_service.api.models import public_execution, public_history, public_job, public_line
from job_service.api.replies import IfNoneMatch, JobId, etag, is_current, success
from job_service.domain.job import Job
from job_service.operations.problems import NotFound


class ReadJobs(Protocol):
    """What the reading routes need of the database."""

    async def get(self, job_id: UUID) -> Job | None: ...
    async def history_of(self, job_id: UUID) -> list[Any]: ...
    async def executions_of(self, job_id: UUID) -> list[Any]: ...


class ReadLog(Protocol):
    """What handlers logged."""

    async def log_of(self, job_id: UUID) -> list[dict[str, Any]]: ...


def routes(read: ReadJobs, logs: ReadLog) -> APIRouter:
    """The router."""
    router = APIRouter(prefix="/api/v1/jobs", tags=["jobs"])

    @router.get(
        "/{job_id}",
        summary="One job",
        responses={
            200: JOB,
            304: {**TAGGED, "description": "It is the version that `If-None-Match` names"},
            **problems(404),
        },
    )
    async def get_job(job_id: JobId, if_none_match: IfNoneMatch = None) -> Response:
        job = await read.get(job_id)
        if job is None:
            raise NotFound("job", job_id)
        if is_current(if_none_match, job.version):
            return Response(status_code=304, headers={"ETag": etag(job.version)})
        return success("Job", public_job(job), job=job)

    @router.get(
        "/{job_id}/history",
        summary="Every transition of a job, oldest first; of a deleted one too",
        responses={200: {"model": HistoryReply}, **problems(404)},
    )
    async def get_history(job_id: JobId) -> Response:
        rows = await read.history_of(job_id)
        if not rows:
            raise NotFound("job", job_id)
        return success("History", [public_history(row) for row in rows])

    @router.get(
        "/{job_id}/executions",
        summary="Every attempt of a job that was leased; of a deleted one too",
        responses={200: {"model": ExecutionsReply}, **problems(404)},
    )
    async def get_executions(job_id: JobId) -> Response:
        rows = await read.executions_of(job_id)
        if not rows and not await read.history_of(job_id):
            raise NotFound("job", job_id)
        return success("Executions", [public_execution(row) for row in rows])

    @router.get(
        "/{job_id}/log",
        summary="What its handler logged, attempt by attempt",
        responses={200: {"model": LogReply}, **problems(404)},
    )
    async def get_log(job_id: JobId) -> Response:
        lines = await logs.log_of(job_id)
        if not lines and await read.get(job_id) is None:
            raise NotFound("job", job_id)
        return success("Log", [public_line(line) for line in lines])

    return router
