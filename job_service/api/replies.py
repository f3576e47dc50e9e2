"""The success envelope, and versions in headers (contract.md section 1)."""

from typing import Annotated, Any
from uuid import UUID

from fastapi import Header, Path
from fastapi.responses import Response
from pydantic_core import to_json

from job_service.domain.job import Job
from job_service.operations.problems import Invalid

JobId = Annotated[UUID, Path(description="The job's id, a UUIDv7.")]
IfMatch = Annotated[
    str | None,
    Header(
        alias="If-Match",
        max_length=40,
        description='The version that the change is based on, as the ETag shows it: `"3"`.',
    ),
]
IfNoneMatch = Annotated[str | None, Header(alias="If-None-Match", max_length=400)]


def success(
    message: str,
    data: Any,
    *,
    status: int = 200,
    job: Job | None = None,
    location: str | None = None,
) -> Response:
    """The success envelope, with the job's version as its ETag."""
    headers = {}
    if job is not None:
        headers["ETag"] = etag(job.version)
    if location is not None:
        headers["Location"] = location
    body = to_json({"success": True, "message": message, "data": data})
    return Response(body, status_code=status, headers=headers, media_type="application/json")


def etag(version: int) -> str:
    """A version as an entity tag."""
    return f'"{version}"'


def location_of(job_id: UUID) -> str:
    """Where a job is read."""
    return f"/api/v1/jobs/{job_id}"


def version_of(if_match: str | None) -> int | None:
    """The version in an `If-Match` header; None without one or with `*`.

    Raises:
        Invalid: it is no version.
    """
    if if_match is None or if_match.strip() == "*":
        return None
    text = if_match.strip().removeprefix("W/").strip('"')
    if not text.isascii() or not text.isdigit() or len(text) > 9:
        raise Invalid("If-Match", 'write the version as "3", as the ETag of the job shows it')
    return int(text)


def is_current(if_none_match: str | None, version: int) -> bool:
    """Whether one of the tags in `If-None-Match` is this version; `*` is any."""
    if if_none_match is None:
        return False
    tags = [tag.strip().removeprefix("W/") for tag in if_none_match.split(",")]
    return "*" in tags or etag(version) in tags
