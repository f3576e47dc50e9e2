"""Wait until a job has settled, telling of its transitions on the way."""

import time
from collections.abc import Callable
from typing import Any

from punctual.cli.client import Client
from punctual.cli.jobs.shapes import is_settled, job_path
from punctual.cli.problems import DONE, NO, WaitedEnough
from punctual.cli.show import Show

LOOK_EVERY_SECONDS = 0.1
LOOK_EVERY_MOST_SECONDS = 1.0
"""The pause grows while nothing changes, and is short again after a change."""

Row = dict[str, Any]


class Watch:
    """Looks at one job again and again."""

    def __init__(
        self,
        client: Client,
        job_id: str,
        *,
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self._client, self._job_id = client, job_id
        self._clock, self._sleep = clock, sleep

    def until_settled(
        self,
        limit_seconds: float | None,
        each: Callable[[Row], None] | None = None,
        far: Callable[[Row], None] | None = None,
    ) -> dict[str, Any]:
        """The job when it has settled. `each` is called with every transition, oldest first; `far` with how far
        its handler says that it is, while it runs.

        Raises:
            WaitedEnough: it has not settled after `limit_seconds`.
        """
        give_up_at = None if limit_seconds is None else self._clock() + limit_seconds
        told, version, pause = 0, -1, LOOK_EVERY_SECONDS
        while True:
            left = None if give_up_at is None else give_up_at - self._clock()
            job: dict[str, Any] = self._client.get(job_path(self._job_id), within=left)
            if job["version"] != version:
                version, pause = job["version"], LOOK_EVERY_SECONDS
                if each is not None:
                    told = self._tell(told, job["version"], each, left)
            if is_settled(job):
                return job
            if left is not None and left <= 0:
                raise self._enough(job, limit_seconds)
            if far is not None and job["status"] == "RUNNING":
                self._tell_progress(far, left)
            self._sleep(pause if left is None else min(pause, left))
            pause = min(pause * 1.5, LOOK_EVERY_MOST_SECONDS)

    def _tell_progress(self, far: Callable[[Row], None], left: float | None) -> None:
        rows = self._client.get(f"{job_path(self._job_id)}/executions", within=left)
        progress = rows[-1].get("progress") if rows else None
        if progress is not None:
            far(progress)

    def _tell(
        self, told: int, version: int, each: Callable[[Row], None], left: float | None
    ) -> int:
        """Tell of the transitions from `told` on, up to the version that was looked at."""
        rows = self._client.get(f"{job_path(self._job_id)}/history", within=left)
        new = [row for row in rows if told <= row["version"] <= version]
        for row in new:
            each(row)
        return version + 1

    def _enough(self, job: dict[str, Any], limit_seconds: float | None) -> WaitedEnough:
        return WaitedEnough(
            f"job {self._job_id} is {job['status']} and has not settled after {limit_seconds:g} s:"
            f" punctual job why {self._job_id} says what it waits for.",
            job=job,
        )


def verdict(job: dict[str, Any], show: Show) -> int:
    """The exit code for a settled job; anything but SUCCESS is a no, and said."""
    if job["status"] == "SUCCESS":
        return DONE
    error = f": {job['error']}" if job.get("error") else ""
    show.aside(
        f"the job is {job['status']}{error} (punctual job history {job['jobId']} tells its life)."
    )
    return NO
