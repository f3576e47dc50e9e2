"""`punctual job watch`."""

from typing import Annotated, Any

from cyclopts import Parameter

from punctual.cli import values
from punctual.cli.connection import HERE, Connection
from punctual.cli.jobs.shapes import JobId
from punctual.cli.progress import Progress
from punctual.cli.show import Show, local


def watch(
    job_id: JobId,
    /,
    *,
    timeout: Annotated[
        str | None, Parameter(help="How long to watch at most, for example 5m.")
    ] = None,
    to: Connection = HERE,
) -> int:
    """Print a job's transitions as they come, and its progress, until it has settled.

    The exit code says how it ended. With --json the one document comes at
    the end: the job and its history.
    """
    job_id = values.job_id(job_id)
    limit = None if timeout is None else values.duration(timeout)
    show = to.show
    seen: list[dict[str, Any]] = []

    with to.open() as client, Progress(show) as bar:
        from punctual.cli.jobs.settle import Watch, verdict

        def tell(row: dict[str, Any]) -> None:
            bar.leave()
            seen.append(row)
            _line(row, show)

        def far(progress: dict[str, Any]) -> None:
            bar.tell("progress", progress["done"], progress["total"], note=progress["note"])

        job = Watch(client, job_id).until_settled(limit, tell, None if show.as_json else far)
    if show.as_json:
        show({"job": job, "history": seen}, "")
    return verdict(job, show)


def _line(row: dict[str, Any], show: Show) -> None:
    show.line(
        str(local(row["at"])),
        f"{row['to']:<9}",
        f"attempt {row['attempt']}",
        str(row["reason"] or ""),
    )
