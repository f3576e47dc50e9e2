"""The verbs that read dead letters."""

import sys
from collections.abc import Mapping, Sequence
from typing import Annotated, Any

from cyclopts import Parameter

from punctual.cli import values
from punctual.cli.connection import HERE, Connection
from punctual.cli.dlq.filters import ALL, Letters
from punctual.cli.jobs.shapes import JobId, is_settled, job_path, one_job
from punctual.cli.problems import DONE, NO, BadInput
from punctual.cli.show import Fields, Table, local

PATH = "/api/v1/dead-letters"


def list_letters(
    *,
    which: Letters = ALL,
    limit: Annotated[int, Parameter(help="How many at most.")] = 50,
    cursor: Annotated[
        str | None, Parameter(help="Go on where an earlier list ended: its nextCursor.")
    ] = None,
    to: Connection = HERE,
) -> int:
    """List jobs that failed for good, newest first."""
    if limit < 1:
        raise BadInput(f"--limit {limit}: write 1 or more.")
    with to.open() as client:
        letters, rest = client.page_through(PATH, which.query(), most=limit, cursor=cursor)
    to.show({"items": letters, "nextCursor": rest}, _many(letters))
    if rest is not None:
        to.show.aside(f"there are more: --limit shows more of them, --cursor {rest} goes on here.")
    return DONE


def show(job_id: JobId, /, *, to: Connection = HERE) -> int:
    """Show a dead letter: the job, why it failed, and each of its attempts."""
    path = job_path(values.job_id(job_id))
    with to.open() as client:
        job = client.get(path)
        attempts = client.get(f"{path}/executions")
        history = client.get(f"{path}/history")
    reasons = [row["reason"] for row in history if row["to"] == "FAILED" != row["from"]]
    reason = reasons[-1] if reasons else None
    document = {"job": job, "reason": reason, "executions": attempts}
    if job["status"] != "FAILED" or not is_settled(job):
        to.show(document, one_job(job))
        to.show.aside(f"the job is {job['status']} and no dead letter.")
        return NO
    tries = [
        (
            f"attempt {one['attempt']}",
            f"{one['status']} {local(one['endedAt'])} {one['error'] or ''}",
        )
        for one in attempts
    ]
    to.show(document, Fields([("reason", reason), *one_job(job).pairs, *tries]))
    return DONE


def export(
    *,
    which: Letters = ALL,
    cursor: Annotated[
        str | None, Parameter(help="Go on after the last whole line of an export that broke.")
    ] = None,
    to: Connection = HERE,
) -> int:
    """Write all that match to standard output, a JSON document in each line.

    Each line has a cursor: after an export that broke, the same command with
    --cursor and that of the last whole line goes on.
    """
    at = [] if cursor is None else [("cursor", cursor)]
    with to.open() as client:
        for line in client.lines(f"{PATH}/export", [*which.query(), *at]):
            sys.stdout.write(f"{line}\n")
    sys.stdout.flush()
    return DONE


def _many(letters: Sequence[Mapping[str, Any]]) -> Table:
    rows = [
        [
            letter.get("jobId"),
            letter.get("jobType"),
            letter.get("reason"),
            local(letter.get("finishedAt"), milliseconds=False),
            letter.get("attempt"),
            letter.get("name"),
            letter.get("error"),
        ]
        for letter in letters
    ]
    headings = ["JOB", "TYPE", "REASON", "FAILED", "ATTEMPT", "NAME", "ERROR"]
    return Table(headings, rows, "No dead letter fits.")
