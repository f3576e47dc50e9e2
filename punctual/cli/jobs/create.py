"""`punctual job create`."""

import sys
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Annotated, Any

from cyclopts import Group, Parameter

from punctual.cli import values
from punctual.cli.connection import HERE, Connection
from punctual.cli.jobs.keyed import Key, post_with_key
from punctual.cli.jobs.shapes import one_job
from punctual.cli.problems import DONE, BadInput

_WAIT = Group("Waiting", sort_key=80)


@Parameter(name="*")
@dataclass(frozen=True, kw_only=True)
class Wanted:
    """What a job may be besides its name. What is left out is as the server has it."""

    job_type: Annotated[str, Parameter(name="--type", help="Its job type, for example DUMMY.")]
    payload: Annotated[
        str | None,
        Parameter(allow_leading_hyphen=True, help="JSON, or @FILE, or - for standard input."),
    ] = None
    at: Annotated[
        str | None,
        Parameter(
            help="When it is due, for example 2026-11-21T10:00:00+01:00; UTC without a zone."
        ),
    ] = None
    after: Annotated[
        str | None, Parameter(name="--in", help="How long from now it is due, for example 10s.")
    ] = None
    priority: Annotated[int | None, Parameter(help="-100 to 100, higher first [default: 0].")] = (
        None
    )
    max_attempts: Annotated[int | None, Parameter(help="1 to 100 [default: 3].")] = None
    timeout: Annotated[
        str | None, Parameter(help="How long one attempt may take [default: by type].")
    ] = None
    expires_at: Annotated[
        str | None, Parameter(help="When it is too late to begin; a time like that of --at.")
    ] = None
    label: Annotated[list[str] | None, Parameter(help="A label as key=value; may come again.")] = (
        None
    )

    def body(self, name: str, now: datetime) -> dict[str, Any]:
        """The request.

        Raises:
            BadInput: something written cannot be used.
        """
        every = {
            "name": name,
            "jobType": self.job_type,
            "payload": values.payload(self.payload, sys.stdin),
            "scheduledTime": values.due_time(self.at, self.after, now),
            "priority": self.priority,
            "maxAttempts": self.max_attempts,
            "timeoutSeconds": None if self.timeout is None else values.duration(self.timeout),
            "expiresAt": None if self.expires_at is None else values.moment(self.expires_at),
            "labels": values.labels(self.label or []) or None,
        }
        return {field: value for field, value in every.items() if value is not None}


def create(
    name: Annotated[str, Parameter(help="What to call it; need not be unique.")],
    /,
    *,
    wanted: Wanted,
    key: Key = None,
    wait: Annotated[bool, Parameter(group=_WAIT, help="Wait until it has settled.")] = False,
    wait_timeout: Annotated[
        str | None, Parameter(group=_WAIT, help="How long to wait at most, for example 5m.")
    ] = None,
    to: Connection = HERE,
) -> int:
    """Create a job.

    Without a time it is due now. Without --key the command makes a key of
    its own, so that its own second try after a lost answer makes no second
    job. With --wait the exit code says how the job ended.
    """
    if wait_timeout is not None and not wait:
        raise BadInput("--wait-timeout says how long to wait: add --wait.")
    limit = None if wait_timeout is None else values.duration(wait_timeout)
    body = wanted.body(name, datetime.now(UTC))
    show = to.show
    with to.open() as client:
        job = post_with_key(client, "/api/v1/jobs", body, key)
        if not wait:
            show(job, one_job(job))
            return DONE
        from punctual.cli.jobs.settle import Watch, verdict

        show.aside(f"job {job['jobId']} is created; waiting for its end.")
        job = Watch(client, job["jobId"]).until_settled(limit)
    show(job, one_job(job))
    return verdict(job, show)
