"""One job's way through real processes, and what happens when its worker is killed."""

import re
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import httpx
import pytest

from tests.support.by_hand import records_on_topic
from tests.support.stacks import RunningStack, running_stack
from tests.support.waiting import wait_until

WORKER_TTL_SECONDS = 3.0
SKEW_MS = 5.0
"""By which the bounds of the database clock of two processes on one machine may differ."""
BATCH = 50
"""Fewer than a worker has slots, so that none is declined."""


@pytest.fixture(scope="module")
def stack() -> Iterator[RunningStack]:
    with running_stack(workers=1, env={"PUNCTUAL_LEASE__TTL": f"{WORKER_TTL_SECONDS}s"}) as running:
        yield running


def test_a_job_that_is_due_runs_to_success(stack: RunningStack) -> None:
    """CREATED -> SCHEDULED -> RUNNING -> SUCCESS within 2 s of product time, and no other row."""
    began = time.monotonic()
    job = stack.create(scheduledTime="2024-01-01T10:00:00", payload={"sleepMs": 0})
    assert (job["status"], job["version"]) == ("CREATED", 0)
    stack.wait_settled([job["jobId"]], within=10)
    took = time.monotonic() - began
    assert stack.states(job["jobId"]) == ["CREATED", "SCHEDULED", "RUNNING", "SUCCESS"]
    assert [row["version"] for row in stack.history(job["jobId"])] == [0, 1, 2, 3]
    (execution,) = stack.executions(job["jobId"])
    assert execution["status"] == "SUCCESS"
    assert took < 2.0


def test_a_batch_of_jobs_is_one_record_each(stack: RunningStack) -> None:
    """The count of records, whatever the machine: nothing is published twice where nothing fails."""
    before = records_on_topic(stack)
    jobs = stack.create_many(BATCH, payload={"sleepMs": 0})
    stack.wait_settled(jobs, within=20)
    assert records_on_topic(stack) - before == BATCH


def test_a_job_for_the_future_starts_then(stack: RunningStack) -> None:
    """G5: not before its due time; G6: soon after."""
    due = datetime.now(UTC) + timedelta(seconds=3)
    job = stack.create(scheduledTime=due.isoformat(), payload={"sleepMs": 0})
    stack.wait_settled([job["jobId"]], within=15)
    (execution,) = stack.executions(job["jobId"])
    assert 0 <= execution["latenessMs"] < 1_000
    way = execution["wayMs"]
    assert way["claimed"] < way["published"] <= way["leased"] < 0 < way["began"], "held until due"
    assert way["began"] == execution["latenessMs"]
    assert way["published"] - SKEW_MS <= way["received"] <= way["leased"] + SKEW_MS


def test_each_leg_of_the_way_is_measured(stack: RunningStack) -> None:
    """Of a job that is due at once every process has something to tell."""
    job = stack.create(payload={"sleepMs": 0})
    stack.wait_settled([job["jobId"]], within=15)
    counted: dict[str, str] = {}
    for name in ("scheduler-1", "worker-1"):
        page = httpx.get(f"http://127.0.0.1:{stack.stack.plan.ports[name]}/metrics").text
        counted |= dict(re.findall(r'leg_seconds_count\{leg="(\w+)"\} (\S+)', page))
    assert set(counted) == {"claim", "wheel", "publish", "deliver", "ask", "lease"}
    assert all(float(count) >= 1 for count in counted.values()), counted


def test_the_job_of_a_killed_worker_runs_again(stack: RunningStack) -> None:
    """G3: kill -9 of a worker in the middle; its job runs on another one, `lost` is 1."""
    job = stack.create(payload={"sleepMs": 1_500})
    wait_until(
        lambda: stack.job(job["jobId"])["status"] == "RUNNING", within=10, what="the job to run"
    )
    stack.stack.kill("worker-1")
    stack.stack.spawn("worker-1")
    (settled,) = stack.wait_settled([job["jobId"]], within=WORKER_TTL_SECONDS + 10)
    assert settled["status"] == "SUCCESS"
    assert (settled["attempt"], settled["lost"], settled["failures"]) == (2, 1, 0)
    assert [e["status"] for e in stack.executions(job["jobId"])] == ["LOST", "SUCCESS"]
