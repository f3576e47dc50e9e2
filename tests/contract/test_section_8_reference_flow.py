"""contract.md section 8: what users of the reference system do, in order."""

import json
import os
import subprocess
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from uuid import UUID

import httpx
import pytest

from tests.support.by_hand import lag, put, record
from tests.support.contract import JOBS, good, job_in, refused
from tests.support.source_files import ROOT
from tests.support.stacks import RunningStack
from tests.support.waiting import wait_until

FIRST = {
    "name": "My First Job",
    "jobType": "DUMMY",
    "payload": "optional data",
    "scheduledTime": "2024-01-01T10:00:00",
}


class _Target(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        body = b'{"ok": true}'
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        """Say nothing."""


@pytest.fixture(scope="module")
def target() -> Iterator[str]:
    """An address that answers 200."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), _Target)
    Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}/"
    server.shutdown()
    server.server_close()


def test_the_flow(
    stack: RunningStack, jobs: httpx.Client, worker: httpx.Client, target: str
) -> None:
    """POST :8080/api/v1/jobs … → 201 {"success": true, "message": "Job created", "data": {…}}; GET → CREATED,
    SCHEDULED, RUNNING, then SUCCESS; the executions; HTTP_CALL with JSON inside a string"""
    reply = jobs.post(JOBS, json=FIRST)
    job = job_in(reply, 201)
    assert reply.json()["message"] == "Job created"
    assert (job["status"], job["version"], job["payload"]) == ("CREATED", 0, "optional data")
    (settled,) = stack.wait_settled([job["jobId"]], within=20)
    assert settled["status"] == "SUCCESS"
    assert stack.states(job["jobId"]) == ["CREATED", "SCHEDULED", "RUNNING", "SUCCESS"]
    (run,) = good(worker.get(f"/api/v1/executions/job/{job['jobId']}"))
    good(worker.get("/api/v1/executions"))
    assert good(worker.get(f"/api/v1/executions/{run['executionId']}"))["jobId"] == job["jobId"]

    payload = json.dumps({"url": target})
    call = {"name": "API Call Job", "jobType": "HTTP_CALL", "payload": payload}
    job = job_in(jobs.post(JOBS, json=call), 201)
    assert job["payload"] == {"url": target}
    (settled,) = stack.wait_settled([job["jobId"]], within=20)
    assert (settled["status"], settled["result"]["status"]) == ("SUCCESS", 200)


def test_lists_scan_and_the_refusal(jobs: httpx.Client, scheduler: httpx.Client) -> None:
    """GET ready-to-schedule · ready-to-run · POST scan; PATCH state {"status": "RUNNING"} on a job for 2999 →
    409, allowed: SCHEDULED, CANCELLED"""
    assert isinstance(good(jobs.get(f"{JOBS}/ready-to-schedule")), list)
    assert isinstance(good(jobs.get(f"{JOBS}/ready-to-run")), list)
    good(scheduler.post("/api/v1/scheduler/scan"))
    job = job_in(jobs.post(JOBS, json={**FIRST, "scheduledTime": "2999-01-01T10:00:00"}), 201)
    reply = jobs.patch(f"{JOBS}/{job['jobId']}/state", json={"status": "RUNNING"})
    assert refused(reply, 409, "illegal-transition")["allowed"] == ["SCHEDULED", "CANCELLED"]


def test_the_same_dispatch_twice(stack: RunningStack) -> None:
    """the same dispatch message twice on the topic → one execution, the second decided as a duplicate"""
    job_id = stack.create(payload={"sleepMs": 500})["jobId"]
    wait_until(lambda: stack.job(job_id)["status"] == "RUNNING", within=20, what="it to run")
    put(stack, [record(UUID(job_id), 1)] * 2)
    stack.wait_settled([job_id], within=20)
    wait_until(lambda: lag(stack) == 0, within=20, every=0.2, what="the duplicates to be decided")
    assert [run["attempt"] for run in stack.executions(job_id)] == [1]
    assert stack.states(job_id) == ["CREATED", "SCHEDULED", "RUNNING", "SUCCESS"]


def test_the_script(stack: RunningStack, target: str) -> None:
    """`docs/examples/reference.sh` does all of it by curl."""
    kept = {k: v for k, v in os.environ.items() if not k.startswith("PUNCTUAL_")}
    told = subprocess.run(
        [ROOT / "docs" / "examples" / "reference.sh"],
        env={**kept, "PUNCTUAL_STATE_DIR": str(stack.root), "API_CALL_URL": target},
        capture_output=True,
        text=True,
        timeout=100,
        check=False,
    )
    assert told.returncode == 0, told.stdout + told.stderr
    assert told.stdout.endswith("== all is as it should be\n")


def test_the_script_says_what_is_not_as_it_should_be(stack: RunningStack) -> None:
    """With a wrong answer it ends at once, with 1, and prints the answer."""
    wrong = {"JOB_SERVICE_URL": stack.stack.plan.url("worker-1")}
    told = subprocess.run(
        [ROOT / "docs" / "examples" / "reference.sh"],
        env={"PATH": os.environ["PATH"], **wrong},
        capture_output=True,
        text=True,
        timeout=100,
        check=False,
    )
    assert told.returncode == 1
    assert "answered 404 instead of 201" in told.stderr
