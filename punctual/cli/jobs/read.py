"""The verbs that read jobs."""

from typing import Annotated

from cyclopts import Parameter

from punctual.cli import values
from punctual.cli.connection import HERE, Connection
from punctual.cli.jobs.shapes import JobId, job_path, many_jobs, one_job, transitions
from punctual.cli.problems import DONE, BadInput
from punctual.cli.show import Fields, Table, local


def get(job_id: JobId, /, *, to: Connection = HERE) -> int:
    """Show a job."""
    path = job_path(values.job_id(job_id))
    with to.open() as client:
        job = client.get(path)
    to.show(job, one_job(job))
    return DONE


def history(job_id: JobId, /, *, to: Connection = HERE) -> int:
    """Show every transition of a job, oldest first."""
    path = f"{job_path(values.job_id(job_id))}/history"
    with to.open() as client:
        rows = client.get(path)
    to.show(rows, transitions(rows))
    return DONE


def log(job_id: JobId, /, *, to: Connection = HERE) -> int:
    """Show what a job's handler has logged, attempt by attempt."""
    path = f"{job_path(values.job_id(job_id))}/log"
    with to.open() as client:
        lines = client.get(path)
    rows = [[local(one["at"]), one["attempt"], one["level"], one["text"]] for one in lines]
    to.show(lines, Table(["AT", "ATTEMPT", "LEVEL", "TEXT"], rows, "Its handler logged nothing."))
    return DONE


def why(job_id: JobId, /, *, to: Connection = HERE) -> int:
    """Say why a job is not running, or what it is doing."""
    path = f"{job_path(values.job_id(job_id))}/why"
    with to.open() as client:
        said = client.get(path)
    facts = [
        (name, local(value) if isinstance(value, str) and name.endswith(("At", "now")) else value)
        for name, value in (said.get("facts") or {}).items()
    ]
    to.show(
        said,
        Fields(
            [
                ("state", said.get("state")),
                ("reason", said.get("reason")),
                ("text", said.get("text")),
                ("since", local(said.get("since"))),
                ("next", local(said.get("nextAt"))),
                *facts,
            ]
        ),
    )
    return DONE


def list_jobs(
    *,
    status: Annotated[
        list[str] | None, Parameter(help="Only in this state; may come again.")
    ] = None,
    job_type: Annotated[str | None, Parameter(name="--type", help="Only of this job type.")] = None,
    name: Annotated[str | None, Parameter(help="Only names that begin so.")] = None,
    label: Annotated[
        list[str] | None, Parameter(help="Only with this key=value; may come again.")
    ] = None,
    scheduled_from: Annotated[str | None, Parameter(help="Due at this time or later.")] = None,
    scheduled_to: Annotated[str | None, Parameter(help="Due at this time or earlier.")] = None,
    created_from: Annotated[str | None, Parameter(help="Created at this time or later.")] = None,
    created_to: Annotated[str | None, Parameter(help="Created at this time or earlier.")] = None,
    limit: Annotated[int, Parameter(help="How many at most.")] = 50,
    cursor: Annotated[
        str | None, Parameter(help="Go on where an earlier list ended: its nextCursor.")
    ] = None,
    to: Connection = HERE,
) -> int:
    """List jobs, newest first."""
    if limit < 1:
        raise BadInput(f"--limit {limit}: write 1 or more.")
    given = {
        "scheduledFrom": scheduled_from,
        "scheduledTo": scheduled_to,
        "createdFrom": created_from,
        "createdTo": created_to,
    }
    query = [("status", one.upper()) for one in status or []]
    query += [(k, v) for k, v in (("jobType", job_type), ("name", name)) if v is not None]
    query += [("label", f"{k}:{v}") for k, v in values.labels(label or []).items()]
    query += [(k, values.moment(v)) for k, v in given.items() if v is not None]
    with to.open() as client:
        jobs, rest = client.page_through("/api/v1/jobs", query, most=limit, cursor=cursor)
    to.show({"items": jobs, "nextCursor": rest}, many_jobs(jobs))
    if rest is not None:
        to.show.aside(f"there are more: --limit shows more of them, --cursor {rest} goes on here.")
    return DONE
