"""A job type is one new file: added to a copy of the tree, it runs there with no other file touched, and its
schema is checked when a job is created (Show 7 of the surface's issue)."""

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.support.components import state_directory
from tests.support.source_files import PACKAGES, ROOT
from tests.support.stacks import is_settled
from tests.support.waiting import wait_until

UP_LIMIT_SECONDS = 180
DOWN_LIMIT_SECONDS = 60
HTTP_LIMIT_SECONDS = 20.0

GREET = '''"""GREET: says hello."""

from pydantic import BaseModel

from worker_service.handler_api import Context, job_type


class Greeting(BaseModel, extra="forbid"):
    """Whom, and how often."""

    whom: str = "world"
    times: int = 1


@job_type("GREET", payload=Greeting, timeout_seconds=30)
async def greet(payload: Greeting, context: Context) -> str:
    """The greeting."""
    return " ".join([f"hello {payload.whom}"] * payload.times)
'''


@dataclass(frozen=True)
class Stack:
    """The copy's job_service, from outside."""

    http: httpx.Client

    def create(self, job_type: str, **fields: Any) -> httpx.Response:
        """The answer to a create."""
        body = {"name": "a job", "jobType": job_type, **fields}
        return self.http.post("/api/v1/jobs", json=body)

    def job(self, job_id: str) -> dict[str, Any]:
        """The job now."""
        job: dict[str, Any] = self.http.get(f"/api/v1/jobs/{job_id}").json()["data"]
        return job

    def settled(self, created: httpx.Response) -> dict[str, Any]:
        """The job when it is settled."""
        assert created.status_code == 201, created.text
        job_id = created.json()["data"]["jobId"]
        wait_until(lambda: is_settled(self.job(job_id)), within=30, what="the job to settle")
        return self.job(job_id)


@pytest.fixture(scope="module")
def stack() -> Iterator[Stack]:
    """A copy of the product with one file more, run as `make up` runs it."""
    with state_directory() as folder:
        tree, state = folder / "tree", folder / "state"
        for package in PACKAGES:
            ignore = shutil.ignore_patterns("__pycache__")
            shutil.copytree(ROOT / package, tree / package, ignore=ignore)
        shutil.copy(ROOT / "pyproject.toml", tree)
        (tree / "worker_service" / "handlers" / "greet.py").write_text(GREET)
        state.mkdir()
        try:
            _local(tree, state, "up", within=UP_LIMIT_SECONDS)
            with httpx.Client(base_url=_url(state), timeout=HTTP_LIMIT_SECONDS) as http:
                yield Stack(http)
        finally:
            _local(tree, state, "down", within=DOWN_LIMIT_SECONDS)


def _local(tree: Path, state: Path, verb: str, *, within: float) -> None:
    env = {**os.environ, "PUNCTUAL_STATE_DIR": str(state), "PUNCTUAL_PORTS": "auto"}
    command = [sys.executable, "-m", "punctual.local", verb]
    done = subprocess.run(
        command, cwd=tree, env=env, timeout=within, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stdout + done.stderr


def _url(state: Path) -> str:
    lines = (state / "endpoints.env").read_text().splitlines()
    found = dict(line.split("=", 1) for line in lines if "=" in line)
    return found["JOB_SERVICE_URL"]


def test_a_job_of_the_new_type_runs(stack: Stack) -> None:
    job = stack.settled(stack.create("GREET", payload={"whom": "you", "times": 2}))
    assert (job["status"], job["result"]) == ("SUCCESS", "hello you hello you")


def test_without_a_payload_it_takes_its_defaults(stack: Stack) -> None:
    """The model takes no null, but every field of it has a default."""
    job = stack.settled(stack.create("GREET"))
    assert (job["status"], job["result"]) == ("SUCCESS", "hello world")


def test_it_is_listed_with_its_schema_and_its_worker(stack: Stack) -> None:
    items = stack.http.get("/api/v1/job-types").json()["data"]["items"]
    (greet,) = [item for item in items if item["name"] == "GREET"]
    assert set(greet["payloadSchema"]["properties"]) == {"whom", "times"}
    assert greet["limits"] == {"timeoutSeconds": 30, "maxRunning": None, "passesKey": False}
    assert (greet["liveWorkers"], greet["pausedAt"]) == (1, None)


def test_a_payload_that_does_not_fit_is_refused(stack: Stack) -> None:
    refused = stack.create("GREET", payload={"times": "often"})
    assert refused.status_code == 422
    assert refused.json()["type"] == "/problems/payload-invalid"
    assert refused.json()["errors"] == [
        {"loc": ["payload", "times"], "msg": '"often" is not of type "integer"'}
    ]


def test_an_unknown_type_is_refused_with_the_nearest_name(stack: Stack) -> None:
    refused = stack.create("GREETING")
    assert refused.status_code == 422
    body = refused.json()
    assert body["type"] == "/problems/unknown-job-type"
    assert body["didYouMean"] == "GREET"
    assert {"DUMMY", "GREET"} <= set(body["known"])


def test_a_paused_type_waits_and_runs_when_it_is_resumed(stack: Stack) -> None:
    """Pause, create, look, resume: over real processes."""
    assert stack.http.post("/api/v1/job-types/GREET/pause").json()["data"]["pausedAt"] is not None
    waiting = stack.create("GREET")
    other = stack.settled(stack.create("DUMMY", payload={"sleepMs": 0}))
    assert other["status"] == "SUCCESS"
    job_id = waiting.json()["data"]["jobId"]
    assert stack.job(job_id)["status"] == "CREATED"
    resumed = stack.http.post("/api/v1/job-types/GREET/resume")
    assert (resumed.status_code, resumed.json()["data"]["pausedAt"]) == (200, None)
    assert stack.settled(waiting)["status"] == "SUCCESS"
