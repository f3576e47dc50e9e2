"""contract.md section 2: the lists of jobs, job types and nodes."""

from typing import Any
from uuid import uuid4

import httpx

from tests.support.contract import JOBS, a_create, good, ids_in, job_in, refused
from tests.support.stacks import RunningStack
from tests.support.waiting import wait_until

# --- lists of jobs


def test_each_filter_of_the_list(jobs: httpx.Client) -> None:
    """list; filters `status` (repeatable), `jobType`, `name` (prefix), `label=key:value`,
    `scheduledFrom/To`, `createdFrom/To`"""
    run = uuid4().hex
    labels = {"run": run}
    early = job_in(jobs.post(JOBS, json=a_create(name=f"{run} a", labels=labels)), 201)
    late: dict[str, Any] = {"scheduledTime": "2999-02-01T00:00:00Z", "jobType": "HTTP_CALL"}
    late["payload"] = {"url": "http://127.0.0.1:1/"}
    other = job_in(jobs.post(JOBS, json=a_create(name=f"{run} b", labels=labels, **late)), 201)
    jobs.post(f"{JOBS}/{other['jobId']}/cancel")

    def found(**query: Any) -> list[str]:
        items = good(jobs.get(JOBS, params={"label": f"run:{run}", **query}))["items"]
        return [job["jobId"] for job in items]

    a, b = early["jobId"], other["jobId"]
    assert found() == [b, a]
    assert found(status="CREATED") == [a]
    assert found(status=["CREATED", "CANCELLED"]) == [b, a]
    assert found(jobType="HTTP_CALL") == [b]
    assert found(name=f"{run} b") == [b]
    assert found(name=run) == [b, a]
    assert found(scheduledFrom="2999-01-15T00:00:00Z") == [b]
    assert found(scheduledTo="2999-01-15T00:00:00Z") == [a]
    assert found(createdFrom=early["createdAt"]) == [b, a]
    assert found(createdTo="2020-01-01T00:00:00Z") == []
    assert found(label=[f"run:{run}", "a:b"]) == []


def test_ready_lists(jobs: httpx.Client, stack: RunningStack) -> None:
    """`data: [job]`, ≤ 1,000: CREATED and due · SCHEDULED and not leased"""
    good(jobs.post("/api/v1/job-types/DUMMY/pause"))
    try:
        job = stack.create()
        assert job in good(jobs.get(f"{JOBS}/ready-to-schedule"))
        scheduled = jobs.patch(f"{JOBS}/{job['jobId']}/state", json={"status": "SCHEDULED"})
        assert job_in(scheduled)["status"] == "SCHEDULED"
        assert job["jobId"] not in ids_in(jobs, "ready-to-schedule")
        assert job["jobId"] in ids_in(jobs, "ready-to-run")
    finally:
        good(jobs.post("/api/v1/job-types/DUMMY/resume"))
    stack.wait_settled([job["jobId"]], within=30)


# --- job types and nodes


def test_job_types(jobs: httpx.Client) -> None:
    """declared types, JSON Schema, limits, live workers for each"""
    types = {one["name"]: one for one in good(jobs.get("/api/v1/job-types"))["items"]}
    assert types["HTTP_CALL"]["payloadSchema"]["type"] == "object"
    assert types["HTTP_CALL"]["limits"]["timeoutSeconds"] > 0
    assert types["DUMMY"]["liveWorkers"] == 2


def test_pause_and_resume(jobs: httpx.Client, stack: RunningStack) -> None:
    """nothing of that type is claimed until resumed"""
    assert good(jobs.post("/api/v1/job-types/DUMMY/pause"))["pausedAt"] is not None
    try:
        job = stack.create(payload={"sleepMs": 0})
        wait_until(lambda: _why(jobs, job) == "paused", within=10, what="why to say paused")
        assert stack.job(job["jobId"])["status"] == "CREATED"
    finally:
        assert good(jobs.post("/api/v1/job-types/DUMMY/resume"))["pausedAt"] is None
    assert stack.wait_settled([job["jobId"]], within=20)[0]["status"] == "SUCCESS"
    refused(jobs.post("/api/v1/job-types/NOBODY/pause"), 404, "not-found")


def test_nodes(jobs: httpx.Client) -> None:
    """live and recently dead schedulers and workers: id, role, slots, running, types, topic partitions,
    version, last seen"""
    nodes = good(jobs.get("/api/v1/nodes"))["items"]
    workers = [node for node in nodes if node["role"] == "worker" and node["state"] == "live"]
    assert len(workers) == 2
    for node in workers:
        wanted = {"nodeId", "role", "slots", "running", "types", "topicPartitions", "version"}
        assert wanted | {"lastSeenAt"} <= set(node)
        assert {"DUMMY", "HTTP_CALL"} <= set(node["types"])
    assert "scheduler" in {node["role"] for node in nodes}


def _why(jobs: httpx.Client, job: dict[str, Any]) -> str:
    return str(good(jobs.get(f"{JOBS}/{job['jobId']}/why"))["reason"])
