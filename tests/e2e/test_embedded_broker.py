"""A machine with Python only: `make run` on the embedded broker, and what that one does with three workers
and when it dies."""

import os
import shutil
import signal
import subprocess
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from punctual.local.stack import Options, Stack
from tests.support.components import state_directory
from tests.support.looking import rows
from tests.support.source_files import ROOT
from tests.support.stacks import RunningStack, running_stack
from tests.support.waiting import wait_until

FIRST_JOB_LIMIT_SECONDS = 90
TOOLS = ("make", "bash", "sh", "env", "cat", "cksum", "tr", "awk", "test", "rm", "touch")
"""All that `make run` finds on its PATH: no Java, no Maven."""
BY_NODE = "SELECT node, count(*) AS ran FROM executions WHERE status = 'SUCCESS' GROUP BY node"
WORKERS = 3
JOBS_IN_A_ROW = 100
"""Due 40 ms after each other: while they are created, while the broker is away, and after."""


@pytest.fixture
def python_only(tmp_path: Path) -> dict[str, str]:
    """The environment of a machine without Java and Maven that has never had Kafka's jars."""
    tools = tmp_path / "bin"
    tools.mkdir()
    for tool in TOOLS:
        found = shutil.which(tool)
        assert found, f"no {tool} on this machine"
        (tools / tool).symlink_to(found)
    kept = {k: v for k, v in os.environ.items() if not k.startswith(("PUNCTUAL_", "JAVA", "M2"))}
    return {**kept, "PATH": str(tools), "XDG_CACHE_HOME": str(tmp_path / "cache")}


def test_make_run_reaches_the_first_success_with_python_only(python_only: dict[str, str]) -> None:
    """It says loudly what the broker does not promise, and Ctrl-C leaves nothing behind."""
    with state_directory() as root, (root / "said").open("w+b") as said:
        env = {**python_only, "PUNCTUAL_STATE_DIR": str(root), "PUNCTUAL_PORTS": "auto"}
        began = time.monotonic()
        # Set up already: what is tested is the start, and pip is not run in a test.
        running = subprocess.Popen(
            ["make", "--old-file=setup", "run"],
            cwd=ROOT,
            env=env,
            stdout=said,
            stderr=said,
            start_new_session=True,
        )
        try:
            wait_until(
                lambda: running.poll() is not None or "Ctrl-C stops" in _text(root / "said"),
                within=FIRST_JOB_LIMIT_SECONDS,
                every=0.2,
                what="the first job to succeed",
            )
            text = _text(root / "said")
            print(f"{time.monotonic() - began:.1f} s\n{text}")
            assert "SUCCESS" in text
            assert "EMBEDDED BROKER, NOT FOR PRODUCTION" in text
            assert "KAFKA_KIND=embedded" in (root / "endpoints.env").read_text()
            os.killpg(running.pid, signal.SIGINT)
            running.wait(60)
            assert Stack(Options(root)).running() == []
        finally:
            if running.poll() is None:
                os.killpg(running.pid, signal.SIGKILL)
            Stack(Options(root)).reset()


@pytest.fixture(scope="module")
def stack() -> Iterator[RunningStack]:
    env = {"PUNCTUAL_LEASE__TTL": "3s", "PUNCTUAL_RECONCILE__UNPLACED_AFTER": "10s"}
    with running_stack(workers=WORKERS, kafka_kind="embedded", env=env) as running:
        yield running


def test_three_workers_share_the_jobs_of_the_embedded_broker(stack: RunningStack) -> None:
    ids = stack.create_many(120, payload={"sleepMs": 50})
    stack.wait_settled(ids, within=30)
    assert len(rows(stack, BY_NODE)) == WORKERS


def test_the_others_take_over_from_a_killed_worker(stack: RunningStack) -> None:
    """A member that dies or joins costs the group a pause: the session (6 s) and one less (5 s)."""
    ids = stack.create_many(30, payload={"sleepMs": 1_000})
    stack.stack.kill("worker-2")
    began = time.monotonic()
    settled = stack.wait_settled(ids, within=60)
    print(f"settled {time.monotonic() - began:.1f} s after a worker was killed")
    assert {job["status"] for job in settled} == {"SUCCESS"}
    stack.stack.spawn("worker-2")
    began = time.monotonic()
    more = stack.create_many(60, payload={"sleepMs": 50})
    assert {job["status"] for job in stack.wait_settled(more, within=60)} == {"SUCCESS"}
    print(f"settled {time.monotonic() - began:.1f} s after a worker has joined")


def test_no_job_is_lost_when_the_broker_dies_with_all_its_records(stack: RunningStack) -> None:
    """G3: it dies while jobs fall due, and comes back empty."""
    now = datetime.now(UTC)
    due = [now + timedelta(milliseconds=40 * n) for n in range(JOBS_IN_A_ROW)]
    ids = [
        stack.create(scheduledTime=at.isoformat(), payload={"sleepMs": 0})["jobId"] for at in due
    ]
    stack.stack.kill("kafka")
    stack.stack.spawn("kafka")
    began = time.monotonic()
    settled = stack.wait_settled(ids, within=90)
    print(f"settled {time.monotonic() - began:.1f} s after the broker was back")
    assert {job["status"] for job in settled} == {"SUCCESS"}


def _text(path: Path) -> str:
    return path.read_text(errors="replace")
