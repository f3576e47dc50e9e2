"""Public routes on bulk actions: begin one over dead letters, follow it, stop it, read its report."""

import hashlib
import json
from collections.abc import AsyncIterator, Mapping, Sequence
from typing import Annotated, Protocol
from uuid import UUID

from fastapi import APIRouter, Path, Query, Response
from pydantic_core import to_json

from job_service.api.bulk_shapes import (
    BeginBody,
    BulkPage,
    BulkPageReply,
    BulkReply,
    ReportLine,
    ReportQuery,
    ReportReply,
    public_bulk,
    public_item,
)
from job_service.api.create_jobs import IdempotencyKey
from job_service.api.dead_letters import STREAMED, Lines
from job_service.api.documented import problems
from job_service.api.json_route import JsonRoute
from job_service.api.models import public_job
from job_service.api.replies import success
from job_service.domain.bulk import Bulk, BulkItem, NewBulk
from job_service.domain.job import Job
from job_service.domain.listed import BEYOND
from job_service.operations.begin_bulk import BeginBulk
from job_service.operations.problems import Invalid, NotFound
from shared.contracts.cursors import cursor_at, position_of
from shared.kernel.ids import new_id

EXPORT_PAGE = 50
"""Jobs that are in memory at once; each has up to 128 KiB of payload and result."""

BulkId = Annotated[UUID, Path(alias="id", description="The bulk action's id, a UUIDv7.")]


class ReadBulks(Protocol):
    """What the routes need of the database beside beginning."""

    async def get(self, bulk_id: UUID) -> Bulk | None: ...
    async def list(self, below: UUID, limit: int) -> list[Bulk]: ...
    async def stop(self, bulk_id: UUID) -> Bulk | None: ...
    async def report(
        self, bulk_id: UUID, *, below: UUID, outcome: str | None, limit: int
    ) -> Sequence[BulkItem]: ...


class ReadJobs(Protocol):
    """Reads jobs."""

    async def by_ids(self, ids: Sequence[UUID]) -> Mapping[UUID, Job]: ...


def routes(begin: BeginBulk, read: ReadBulks, jobs: ReadJobs) -> APIRouter:
    """The router."""
    router = APIRouter(prefix="/api/v1/bulk-actions", tags=["bulk actions"], route_class=JsonRoute)
    _add_begin(router, begin)
    _add_reading(router, read)
    _add_report(router, read, jobs)
    return router


def _add_begin(router: APIRouter, begin: BeginBulk) -> None:
    place = {"Location": {"description": "Where it is followed.", "schema": {"type": "string"}}}

    @router.post(
        "",
        status_code=202,
        summary="Retry, abandon or export all dead letters that match",
        responses={202: {"model": BulkReply, "headers": place}, **problems(409, body=True)},
    )
    async def begin_bulk(body: BeginBody, idempotency_key: IdempotencyKey = None) -> Response:
        if body.most_jobs is not None and body.most_jobs > begin.most_jobs:
            raise Invalid("mostJobs", f"at most {begin.most_jobs} (PUNCTUAL_BULK__MOST_JOBS)")
        new = NewBulk(
            id=new_id(),
            verb=body.action,
            wish=body.filter.wish(),
            dry_run=body.dry_run,
            most_jobs=body.most_jobs or begin.most_jobs,
            key=idempotency_key,
            body_hash=_hash(body),
        )
        bulk, is_new = await begin.begin(new)
        message = "Bulk action begun" if is_new else "It was begun before under this key"
        return success(
            message, public_bulk(bulk), status=202, location=f"/api/v1/bulk-actions/{bulk.id}"
        )


def _hash(body: BeginBody) -> bytes:
    said = body.model_dump(mode="json", exclude_defaults=True)
    return hashlib.sha256(json.dumps(said, sort_keys=True).encode()).digest()


def _add_reading(router: APIRouter, read: ReadBulks) -> None:
    @router.get(
        "",
        summary="Bulk actions, newest first",
        responses={200: {"model": BulkPageReply}, **problems()},
    )
    async def list_bulks(query: Annotated[BulkPage, Query()]) -> Response:
        wish = b"bulk actions"
        below = _position(query.cursor, wish)
        found = await read.list(below, query.limit + 1)
        page = found[: query.limit]
        following = cursor_at(page[-1].id, wish) if len(found) > query.limit else None
        items = [public_bulk(bulk) for bulk in page]
        return success(f"{len(items)} bulk actions", {"items": items, "nextCursor": following})

    @router.get(
        "/{id}", summary="How far one is", responses={200: {"model": BulkReply}, **problems(404)}
    )
    async def get_bulk(bulk_id: BulkId) -> Response:
        bulk = await _existing(read, bulk_id)
        return success(f"The bulk action is {bulk.state}", public_bulk(bulk))

    @router.post(
        "/{id}/stop",
        summary="End one where it is; what it has done stays done",
        responses={200: {"model": BulkReply}, **problems(404)},
    )
    async def stop_bulk(bulk_id: BulkId) -> Response:
        stopped = await read.stop(bulk_id)
        if stopped is not None:
            return success("Bulk action stopped", public_bulk(stopped))
        return success("It had ended already", public_bulk(await _existing(read, bulk_id)))


def _add_report(router: APIRouter, read: ReadBulks, jobs: ReadJobs) -> None:
    @router.get(
        "/{id}/jobs",
        summary="What became of each job that matched, newest first",
        responses={200: {"model": ReportReply}, **problems(404)},
    )
    async def report(bulk_id: BulkId, query: Annotated[ReportQuery, Query()]) -> Response:
        await _existing(read, bulk_id)
        wish = f"{bulk_id} {query.outcome}".encode()
        below = _position(query.cursor, wish)
        found = await read.report(
            bulk_id, below=below, outcome=query.outcome, limit=query.limit + 1
        )
        page = found[: query.limit]
        following = cursor_at(page[-1].job_id, wish) if len(found) > query.limit else None
        items = [public_item(item) for item in page]
        return success(f"{len(items)} jobs", {"items": items, "nextCursor": following})

    @router.get(
        "/{id}/export",
        summary="The same with the jobs as they are now, a JSON document in each line",
        response_class=Lines,
        responses={200: {"model": ReportLine, "description": STREAMED}, **problems(404)},
    )
    async def export_bulk(
        bulk_id: BulkId, cursor: Annotated[str | None, Query(max_length=100)] = None
    ) -> Response:
        await _existing(read, bulk_id)
        below = _position(cursor, bulk_id.bytes)
        return Lines(_lines(read, jobs, bulk_id, below))


async def _lines(
    read: ReadBulks, jobs: ReadJobs, bulk_id: UUID, below: UUID
) -> AsyncIterator[bytes]:
    """A page at a time, read when the one before is on its way."""
    while True:
        items = await read.report(bulk_id, below=below, outcome=None, limit=EXPORT_PAGE)
        found = await jobs.by_ids([item.job_id for item in items])
        for item in items:
            job = found.get(item.job_id)
            line = {
                **public_item(item),
                "job": None if job is None else public_job(job),
                "cursor": cursor_at(item.job_id, bulk_id.bytes),
            }
            yield to_json(line) + b"\n"
        if len(items) < EXPORT_PAGE:
            return
        below = items[-1].job_id


async def _existing(read: ReadBulks, bulk_id: UUID) -> Bulk:
    bulk = await read.get(bulk_id)
    if bulk is None:
        raise NotFound("bulk action", bulk_id)
    return bulk


def _position(cursor: str | None, wish: bytes) -> UUID:
    if cursor is None:
        return BEYOND
    try:
        return position_of(cursor, wish)
    except ValueError as error:
        raise Invalid("cursor", str(error)) from None
