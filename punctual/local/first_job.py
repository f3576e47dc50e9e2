"""The first job of a new stack: created over REST like any other, watched until it settles, and its
life printed.
"""

import threading
from datetime import datetime
from typing import Any

import httpx

from punctual.local.problems import StackProblem
from punctual.local.waiting import wait_for

LIMIT_SECONDS = 60.0
REQUEST_SECONDS = 5.0
SETTLED = frozenset({"SUCCESS", "FAILED", "CANCELLED", "EXPIRED", "STOPPED", "ABANDONED"})
_JOB = {"name": "My first job", "jobType": "DUMMY", "payload": {"sleepMs": 500}}


def run_first_job(job_service_url: str, give_up: threading.Event) -> str:
    """Create a DUMMY job and wait for its end; its history as a table of text.

    Raises:
        StackProblem: it was not created, or did not settle with SUCCESS within `LIMIT_SECONDS`.
    """
    try:
        with httpx.Client(
            base_url=job_service_url, timeout=REQUEST_SECONDS, trust_env=False
        ) as client:
            status, table = _run(client, give_up)
    except httpx.HTTPError as error:
        raise StackProblem(f"job_service did not answer about the first job: {error!r}") from error
    if status != "SUCCESS":
        raise StackProblem(f"the first job is {status} instead of SUCCESS\n{table}")
    return table


def _run(client: httpx.Client, give_up: threading.Event) -> tuple[str, str]:
    created = client.post("/api/v1/jobs", json=_JOB)
    if created.status_code != 201:
        raise StackProblem(f"the first job was not created: {created.text[:300]}")
    path = f"/api/v1/jobs/{created.json()['data']['jobId']}"
    wait_for(
        lambda: _status(client, path) in SETTLED, within_seconds=LIMIT_SECONDS, give_up=give_up
    )
    return _status(client, path), _table(client.get(f"{path}/history").json()["data"])


def _status(client: httpx.Client, path: str) -> str:
    return str(client.get(path).json()["data"]["status"])


def _table(history: list[dict[str, Any]]) -> str:
    """One line for each row of the history, with the milliseconds since the first."""
    first = _time(history[0])
    lines = [f"{'version':>7}  {'to':<10} {'at':<24} {'+ms':>6}  {'attempt':>7}  reason"]
    for row in history:
        since = round((_time(row) - first).total_seconds() * 1000)
        lines.append(
            f"{row['version']:>7}  {row['to']:<10} {row['at']:<24} {since:>6}"
            f"  {row['attempt']:>7}  {row['reason'] or ''}"
        )
    return "\n".join(lines)


def _time(row: dict[str, Any]) -> datetime:
    return datetime.fromisoformat(row["at"])
