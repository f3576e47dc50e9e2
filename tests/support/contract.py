"""The forms that contract.md section 1 gives to every reply."""

import re
from typing import Any

import httpx

JOBS, BATCH = "/api/v1/jobs", "/api/v1/jobs/batch"
FAR = "2999-01-01T00:00:00.000Z"
"""A time at which no test runs."""
TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z")
UUID7 = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}")


def _names(text: str) -> frozenset[str]:
    return frozenset(text.split())


JOB_MEMBERS = _names(
    """jobId name status jobType payload scheduledTime priority orderingKey attempt failures lost
    maxAttempts timeoutSeconds expiresAt nextAttemptAt cancelRequested labels createdAt
    updatedAt startedAt finishedAt latenessMs result error version"""
)
EXECUTION_MEMBERS = _names(
    """executionId jobId attempt node status leasedAt startedAt endedAt latenessMs error notes"""
)
OUR_EXECUTION_MEMBERS = EXECUTION_MEMBERS | {"wayMs", "progress"}
"""With what we tell beyond the contract."""
HISTORY_MEMBERS = _names("""version from to attempt node at reason actor""")


def good(reply: httpx.Response, status: int = 200) -> Any:
    """The data of a success."""
    assert reply.status_code == status, reply.text
    assert reply.headers["content-type"] == "application/json"
    body = reply.json()
    assert set(body) == {"success", "message", "data"}
    assert body["success"] is True
    assert isinstance(body["message"], str)
    return body["data"]


def job_in(reply: httpx.Response, status: int = 200) -> dict[str, Any]:
    """The job in a success, with its version as ETag."""
    job: dict[str, Any] = good(reply, status)
    assert set(job) >= JOB_MEMBERS
    assert reply.headers["etag"] == f'"{job["version"]}"'
    return job


def refused(reply: httpx.Response, status: int, slug: str) -> dict[str, Any]:
    """The problem."""
    assert reply.status_code == status, reply.text
    assert reply.headers["content-type"] == "application/problem+json"
    problem: dict[str, Any] = reply.json()
    assert problem["success"] is False
    assert problem["type"] == f"/problems/{slug}"
    assert problem["status"] == status
    assert problem["instance"] == reply.request.url.path
    assert {"message", "title", "detail"} <= set(problem)
    return problem


def as_of(version: int) -> dict[str, str]:
    """The header of a change that is based on a version."""
    return {"If-Match": f'"{version}"'}


def a_create(**fields: Any) -> dict[str, Any]:
    """The body of a create that is not due for long."""
    return {"name": "x", "jobType": "DUMMY", "scheduledTime": FAR, **fields}


def ids_in(jobs: httpx.Client, which: str) -> list[str]:
    """The jobs of a ready list, in its order."""
    return [job["jobId"] for job in good(jobs.get(f"{JOBS}/{which}"))]
