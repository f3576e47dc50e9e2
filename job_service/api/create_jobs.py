"""Public routes that make jobs: one, a batch, and one anew."""

from collections.abc import Sequence
from functools import partial
from typing import Annotated, Any

from fastapi import APIRouter, Header, Query, Request, Response
from pydantic import ValidationError

from job_service.api.documented import MADE, BatchReply, problems
from job_service.api.json_route import JsonRoute
from job_service.api.models import MAX_KEY_CHARS, BatchItem, CreateBatch, CreateJob, public_job
from job_service.api.problems import body_of, invalid_parts
from job_service.api.replies import IfMatch, JobId, location_of, success, version_of
from job_service.domain.job import Job, NewJob
from job_service.operations.create_jobs import Answer, CreateJobs, Fits, NotAll
from job_service.operations.group_commit import GroupCommit
from job_service.operations.problems import Invalid, Problem
from job_service.operations.rerun_job import RerunJob
from shared.kernel.ids import new_id

IdempotencyKey = Annotated[
    str | None,
    Header(
        min_length=1,
        max_length=MAX_KEY_CHARS,
        description="Makes a repeat of this request safe: the same key and body answer the same job.",
    ),
]
Traceparent = Annotated[
    str | None, Header(max_length=200, description="W3C trace context, carried to the handler.")
]


class InvalidItem(Problem):
    """A job of a batch that does not fit."""

    slug, status, title = "validation", 422, "The request does not fit"


def routes(create: CreateJobs, rerun: RerunJob, fits: Fits) -> APIRouter:
    """The router."""
    router = APIRouter(prefix="/api/v1/jobs", tags=["jobs"], route_class=JsonRoute)
    _add_create(router, create, fits)
    _add_batch(router, create, fits)
    _add_rerun(router, rerun)
    return router


def _add_create(router: APIRouter, create: CreateJobs, fits: Fits) -> None:
    grouped = GroupCommit[NewJob, Answer](partial(create.create_together, fits=fits))

    @router.post(
        "",
        status_code=201,
        summary="Create a job",
        responses={
            201: MADE,
            200: {**MADE, "description": "It was created before under this key"},
            **problems(409, body=True),
        },
    )
    async def create_job(
        body: CreateJob, idempotency_key: IdempotencyKey = None, traceparent: Traceparent = None
    ) -> Response:
        job = body.to_new_job(new_id(), traceparent=traceparent, key=idempotency_key)
        answer = await grouped.ask(job)
        if isinstance(answer, Problem):
            raise answer
        return _made(*answer, "Job created")


def _add_rerun(router: APIRouter, rerun: RerunJob) -> None:
    @router.post(
        "/{job_id}/rerun",
        status_code=201,
        summary="A new job, due now, like one that is settled",
        responses={
            201: MADE,
            200: {**MADE, "description": "It was created before under this key"},
            **problems(404, 409, 412),
        },
    )
    async def rerun_job(
        job_id: JobId,
        if_match: IfMatch = None,
        idempotency_key: IdempotencyKey = None,
        traceparent: Traceparent = None,
    ) -> Response:
        made, new = await rerun.rerun(
            job_id,
            version_of(if_match),
            new_id=new_id(),
            traceparent=traceparent,
            key=idempotency_key,
        )
        return _made(made, new, "Job created anew")


def _made(job: Job, new: bool, message: str) -> Response:
    return success(
        message if new else "Job was created before under this key",
        public_job(job),
        status=201 if new else 200,
        job=job,
        location=location_of(job.id),
    )


def _add_batch(router: APIRouter, create: CreateJobs, fits: Fits) -> None:
    @router.post(
        "/batch",
        status_code=201,
        summary="Create up to 1000 jobs; a bad one does not spoil the rest, unless atomic",
        responses={201: {"model": BatchReply}, **problems(409, body=True)},
    )
    async def create_batch(
        request: Request,
        body: CreateBatch,
        atomic: Annotated[bool, Query(description="All or nothing.")] = False,
        traceparent: Traceparent = None,
    ) -> Response:
        if "idempotency-key" in request.headers:
            raise Invalid(
                "Idempotency-Key", "give each job of a batch its own idempotencyKey instead"
            )
        read = [_read(item, traceparent) for item in body.jobs]
        if atomic:
            return _told(await _all_or_none(create, read, fits), request.url.path)
        new = [job for job in read if isinstance(job, NewJob)]
        made = iter(await create.create(new, fits=fits))
        answers = [job if isinstance(job, Problem) else next(made) for job in read]
        return _told(answers, request.url.path)


def _read(item: Any, traceparent: str | None) -> NewJob | Problem:
    try:
        job = BatchItem.model_validate(item)
        return job.to_new_job(new_id(), traceparent=traceparent, key=job.idempotency_key)
    except ValidationError as error:
        message, errors = invalid_parts(list(error.errors(include_url=False)))
        return InvalidItem(message, errors=errors)
    except Problem as problem:
        return problem


async def _all_or_none(
    create: CreateJobs, read: Sequence[NewJob | Problem], fits: Fits
) -> list[tuple[Job, bool]]:
    """Raises: the problem of the first job that cannot be created, with the places of all of them."""
    wrong = {n: job for n, job in enumerate(read) if isinstance(job, Problem)}
    if wrong:
        raise _first(wrong)
    try:
        new = [job for job in read if isinstance(job, NewJob)]
        return await create.create_all(new, fits=fits)
    except NotAll as error:
        raise _first(error.problems) from None


def _first(wrong: Any) -> Problem:
    errors = []
    for n, problem in sorted(wrong.items()):
        inside = problem.facts.get("errors") or [{"loc": [], "msg": str(problem)}]
        errors += [{"loc": ["jobs", str(n), *e["loc"]], "msg": e["msg"]} for e in inside]
    n, first = min(wrong.items())
    told = type(
        "Problem", (Problem,), {"slug": first.slug, "status": first.status, "title": first.title}
    )
    raise told(f"Nothing was created. jobs.{n}: {first}", **{**first.facts, "errors": errors[:50]})


def _told(answers: Sequence[tuple[Job, bool] | Problem], path: str) -> Response:
    data: list[dict[str, Any]] = []
    created = before = 0
    for n, answer in enumerate(answers):
        if isinstance(answer, Problem):
            data.append({"error": body_of(answer, f"{path}#/jobs/{n}")})
        else:
            created += answer[1]
            before += not answer[1]
            data.append(public_job(answer[0]))
    refused = len(data) - created - before
    message = f"{created} created, {before} created before under their key, {refused} refused"
    return success(message, data, status=201)
