"""The verbs that change a job. But for a rerun, which has a key, none is repeated after a lost answer: a second
one may mean something else.
"""

from typing import Any

from punctual.cli import values
from punctual.cli.connection import HERE, Connection
from punctual.cli.jobs.keyed import Key, post_with_key
from punctual.cli.jobs.shapes import JobId, job_path, one_job
from punctual.cli.problems import DONE, Busy, Unanswered


def cancel(job_id: JobId, /, *, to: Connection = HERE) -> int:
    """Cancel a job, or ask its worker to.

    A job that nobody holds is cancelled at once. One that a worker holds or
    runs is asked to end, and may still succeed first: punctual job watch
    tells.
    """
    job = ask(job_id, "cancel", to)
    if job.get("status") != "CANCELLED":
        to.show.aside("cancel asked; the worker is told (punctual job watch tells how it ends).")
    return DONE


def retry(job_id: JobId, /, *, to: Connection = HERE) -> int:
    """Run a failed job again, now, with one more attempt allowed."""
    ask(job_id, "retry", to)
    return DONE


def abandon(job_id: JobId, /, *, to: Connection = HERE) -> int:
    """Give a failed or stopped job up for good."""
    ask(job_id, "abandon", to)
    return DONE


def rerun(job_id: JobId, /, *, key: Key = None, to: Connection = HERE) -> int:
    """Create a new job from a finished one, due now."""
    job_id = values.job_id(job_id)
    with to.open() as client:
        job = post_with_key(client, f"{job_path(job_id)}/rerun", None, key)
    to.show(job, one_job(job))
    return DONE


def delete(job_id: JobId, /, *, to: Connection = HERE) -> int:
    """Delete a settled job.

    Payload, result and labels are gone; its history stays for audit.
    """
    job_id = values.job_id(job_id)
    with to.open() as client:
        try:
            client.delete(job_path(job_id))
        except (Unanswered, Busy) as problem:
            problem.add(f"punctual job get {job_id} shows whether it is gone.")
            raise
    to.show({"jobId": job_id, "deleted": True}, f"job {job_id} is deleted.")
    return DONE


def ask(job_id: str, verb: str, to: Connection) -> dict[str, Any]:
    """Ask for a change of one job, and show it as it is then."""
    job_id = values.job_id(job_id)
    with to.open() as client:
        try:
            job: dict[str, Any] = client.post(f"{job_path(job_id)}/{verb}")
        except (Unanswered, Busy) as problem:
            problem.add(f"punctual job history {job_id} shows whether it took effect.")
            raise
    to.show(job, one_job(job))
    return job
