"""contract.md section 4: what a running stack leaves for others to use. What `make up`, `make run`, `make down`
and `make reset` print and do is held by tests/e2e/test_readme.py."""

import json
import os
import signal
import socket
import subprocess
import sys
from urllib.parse import urlsplit

import httpx

from tests.contract.limits import ENVIRON
from tests.support.source_files import ROOT
from tests.support.stacks import RunningStack
from tests.support.waiting import wait_until

NAMES = {"postgres", "kafka", "job-1", "scheduler-1", "worker-1", "worker-2"}


def test_endpoints_env(stack: RunningStack) -> None:
    """`.punctual/endpoints.env`: `JOB_SERVICE_URL`, `SCHEDULER_SERVICE_URL`, `WORKER_SERVICE_URLS` (comma
    separated), `DATABASE_URL` (postgresql://…), `KAFKA_BOOTSTRAP`, `KAFKA_KIND` (`apache` or `embedded`)."""
    script = f"set -a; . '{stack.root}/endpoints.env'; env -0"
    told = subprocess.run(["bash", "-c", script], capture_output=True, text=True, check=True)
    found = dict(pair.split("=", 1) for pair in told.stdout.split("\0") if pair)
    workers = found["WORKER_SERVICE_URLS"].split(",")
    assert len(workers) == 2
    for url in (found["JOB_SERVICE_URL"], found["SCHEDULER_SERVICE_URL"], *workers):
        assert httpx.get(f"{url}/readyz").status_code == 200
    assert found["DATABASE_URL"].startswith("postgresql://")
    assert found["KAFKA_KIND"] == "apache"
    host, port = found["KAFKA_BOOTSTRAP"].split(":")
    database = urlsplit(found["DATABASE_URL"])
    for address in ((host, int(port)), (str(database.hostname), database.port or 5432)):
        socket.create_connection(address, timeout=5).close()


def test_pids_and_logs(stack: RunningStack) -> None:
    """`.punctual/pids/<name>.pid` for `postgres`, `kafka`, `job-1`, `scheduler-1…`, `worker-1…` …
    `.punctual/logs/<name>.log`."""
    pids = {file.stem: file for file in (stack.root / "pids").glob("*.pid")}
    assert set(pids) == NAMES
    for file in pids.values():
        os.kill(int(file.read_text().split()[0]), 0)
    assert {file.stem for file in (stack.root / "logs").glob("*.log")} >= NAMES
    for name in ("job-1", "scheduler-1", "worker-1"):
        lines = (stack.root / "logs" / f"{name}.log").read_text().splitlines()
        assert lines
        assert all(isinstance(json.loads(line), dict) for line in lines)


def test_a_killed_process_stays_dead_until_it_is_started(stack: RunningStack) -> None:
    """so anyone can kill one. `make start NAME=worker-2` starts one again. The stack restarts nothing on its
    own."""
    url = stack.stack.plan.url("worker-2")
    os.kill(int((stack.root / "pids" / "worker-2.pid").read_text().split()[0]), signal.SIGKILL)
    wait_until(lambda: not _answers(url), within=10, what="worker-2 to be gone")
    job_id = stack.create(payload={"sleepMs": 0})["jobId"]
    stack.wait_settled([job_id], within=30)
    assert not _answers(url)
    subprocess.run(
        [sys.executable, "-m", "punctual.local", "start", "worker-2"],
        cwd=ROOT,
        env={**os.environ, **ENVIRON, "PUNCTUAL_STATE_DIR": str(stack.root)},
        timeout=60,
        check=True,
    )
    assert _answers(url)


def _answers(url: str) -> bool:
    try:
        return httpx.get(f"{url}/readyz", timeout=2).status_code == 200
    except httpx.TransportError:
        return False
