"""How a job and what belongs to it is shown to people."""

from collections.abc import Mapping, Sequence
from typing import Annotated, Any

from cyclopts import Parameter

from punctual.cli.show import Fields, Table, local

JobId = Annotated[str, Parameter(name="JOB", help="The job's id.")]

_TERMINAL = frozenset({"SUCCESS", "CANCELLED", "EXPIRED", "ABANDONED"})


def job_path(job_id: str) -> str:
    """Where a job stands."""
    return f"/api/v1/jobs/{job_id}"


def is_settled(job: Mapping[str, Any]) -> bool:
    """Terminal, STOPPED, or FAILED with no other try to come."""
    status = job["status"]
    if status == "FAILED":
        return job["nextAttemptAt"] is None
    return status in _TERMINAL or status == "STOPPED"


def one_job(job: Mapping[str, Any]) -> Fields:
    """All of a job that says something."""
    labels = [f"{key}={value}" for key, value in (job.get("labels") or {}).items()]
    failed = f"failed {job.get('failures')} of {job.get('maxAttempts')}"
    tries = f"{job.get('attempt')} ({failed}, lost {job.get('lost')})"
    late = job.get("latenessMs")
    return Fields(
        [
            ("job", job.get("jobId")),
            ("name", job.get("name")),
            ("type", job.get("jobType")),
            ("status", job.get("status")),
            ("cancel asked", "yes" if job.get("cancelRequested") else None),
            ("due", local(job.get("scheduledTime"))),
            ("next attempt", local(job.get("nextAttemptAt"))),
            ("expires", local(job.get("expiresAt"))),
            ("started", local(job.get("startedAt"))),
            ("finished", local(job.get("finishedAt"))),
            ("late", None if late is None else f"{late:g} ms"),
            ("attempt", tries),
            (
                "timeout",
                None if job.get("timeoutSeconds") is None else f"{job['timeoutSeconds']:g} s",
            ),
            ("priority", job.get("priority") or None),
            ("ordering key", job.get("orderingKey")),
            ("labels", ", ".join(labels) or None),
            ("rerun of", job.get("rerunOf")),
            ("payload", job.get("payload")),
            ("result", job.get("result")),
            ("error", job.get("error")),
            ("created", local(job.get("createdAt"))),
            ("updated", local(job.get("updatedAt"))),
            ("version", job.get("version")),
        ]
    )


def many_jobs(jobs: Sequence[Mapping[str, Any]]) -> Table:
    """A line for each job."""
    rows = [
        [
            job.get("jobId"),
            job.get("status"),
            job.get("jobType"),
            local(job.get("scheduledTime"), milliseconds=False),
            job.get("attempt"),
            job.get("name"),
        ]
        for job in jobs
    ]
    return Table(["JOB", "STATUS", "TYPE", "DUE", "ATTEMPT", "NAME"], rows, "No job fits.")


def transitions(history: Sequence[Mapping[str, Any]]) -> Table:
    """A line for each transition."""
    rows = [
        [
            row.get("version"),
            local(row.get("at")),
            row.get("from"),
            row.get("to"),
            row.get("attempt"),
            row.get("reason"),
            row.get("actor"),
            row.get("node"),
        ]
        for row in history
    ]
    headings = ["VERSION", "AT", "FROM", "TO", "ATTEMPT", "REASON", "ACTOR", "NODE"]
    return Table(headings, rows, "No transition.")
