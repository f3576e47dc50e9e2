"""contract.md section 2: each call of the table that changes a job or tells its story."""

from typing import Any

import httpx
import pytest

from tests.support.contract import (
    FAR,
    HISTORY_MEMBERS,
    JOBS,
    OUR_EXECUTION_MEMBERS,
    as_of,
    good,
    job_in,
    refused,
)
from tests.support.stacks import RunningStack

# --- PATCH


def test_patch_changes_a_job_that_is_not_held(jobs: httpx.Client, waiting: dict[str, Any]) -> None:
    """reschedule, reprioritise, relabel a job …; `If-Match` required"""
    path = f"{JOBS}/{waiting['jobId']}"
    change = {"scheduledTime": "2999-02-02T00:00:00", "priority": 5, "labels": {"a": "b"}}
    changed = job_in(jobs.patch(path, json=change, headers=as_of(0)))
    assert changed["scheduledTime"] == "2999-02-02T00:00:00.000Z"
    assert (changed["priority"], changed["labels"], changed["version"]) == (5, {"a": "b"}, 1)
    refused(jobs.patch(path, json=change, headers=as_of(0)), 412, "version-conflict")
    refused(jobs.patch(path, json=change), 428, "precondition-required")


def test_patch_of_a_running_or_settled_job(
    jobs: httpx.Client, running: dict[str, Any], done: dict[str, Any]
) -> None:
    """… that is not held, running or terminal (409)"""
    for job in (running, done):
        path, version = f"{JOBS}/{job['jobId']}", job["version"]
        reply = jobs.patch(path, json={"priority": 1}, headers=as_of(version))
        assert refused(reply, 409, "illegal-transition")["current"] == job["status"]
    jobs.post(f"{JOBS}/{running['jobId']}/cancel")


# --- PATCH state


def test_only_edges_of_the_state_table(jobs: httpx.Client, waiting: dict[str, Any]) -> None:
    """Only edges of the state table"""
    path = f"{JOBS}/{waiting['jobId']}/state"
    for status in ("RUNNING", "SUCCESS", "FAILED", "STOPPED", "WAITING", "EXPIRED", "ABANDONED"):
        problem = refused(jobs.patch(path, json={"status": status}), 409, "illegal-transition")
        assert (problem["allowed"], problem["current"]) == (["SCHEDULED", "CANCELLED"], "CREATED")
    assert job_in(jobs.patch(path, json={"status": "CANCELLED"}))["status"] == "CANCELLED"


def test_a_version_when_given_must_be_current(jobs: httpx.Client, waiting: dict[str, Any]) -> None:
    """`If-Match` or `version`, when given, must be current"""
    path = f"{JOBS}/{waiting['jobId']}/state"
    body: dict[str, Any] = {"status": "CANCELLED"}
    refused(jobs.patch(path, json={**body, "version": 3}), 409, "version-conflict")
    refused(jobs.patch(path, json=body, headers=as_of(3)), 412, "version-conflict")
    assert job_in(jobs.patch(path, json={**body, "version": 0}, headers=as_of(0)))["version"] == 1


def test_scheduled_by_hand_makes_it_due_now(
    jobs: httpx.Client, stack: RunningStack, waiting: dict[str, Any]
) -> None:
    """SCHEDULED by hand makes the job due now."""
    body = {"status": "SCHEDULED", "version": 0}
    assert (
        job_in(jobs.patch(f"{JOBS}/{waiting['jobId']}/state", json=body))["status"] == "SCHEDULED"
    )
    (settled,) = stack.wait_settled([waiting["jobId"]], within=20)
    assert settled["status"] == "SUCCESS"


def test_an_attempt_for_an_outside_executor(jobs: httpx.Client, stack: RunningStack) -> None:
    """RUNNING by hand starts an attempt for an outside executor: the reply carries `leaseToken`, the attempt
    ends by `timeoutSeconds`, and only with that `leaseToken` in the body may it be set SUCCESS or FAILED"""
    path, started = _by_hand(jobs, stack)
    token = started["leaseToken"]
    for wrong in ({}, {"leaseToken": "another"}):
        reply = jobs.patch(f"{path}/state", json={"status": "SUCCESS", **wrong})
        refused(reply, 409, "lease-lost")
    ended = jobs.patch(f"{path}/state", json={"status": "SUCCESS", "leaseToken": token})
    assert job_in(ended)["status"] == "SUCCESS"
    assert "leaseToken" not in job_in(jobs.get(path))
    (run,) = good(jobs.get(f"{path}/executions"))
    assert run["status"] == "SUCCESS"


def test_an_attempt_of_a_worker_is_not_ended_by_hand(
    jobs: httpx.Client, running: dict[str, Any]
) -> None:
    """an attempt that a worker holds is not ended by hand (409 `lease-lost`)"""
    path = f"{JOBS}/{running['jobId']}"
    for status in ("SUCCESS", "FAILED"):
        refused(jobs.patch(f"{path}/state", json={"status": status}), 409, "lease-lost")
    jobs.post(f"{path}/cancel")


def _by_hand(jobs: httpx.Client, stack: RunningStack) -> tuple[str, dict[str, Any]]:
    """A job that an outside executor runs; nobody leases it while its type is held back."""
    job = stack.create(scheduledTime=FAR, timeoutSeconds=30)
    path = f"{JOBS}/{job['jobId']}"
    for _ in range(20):
        job_in(jobs.patch(f"{path}/state", json={"status": "SCHEDULED"}))
        reply = jobs.patch(f"{path}/state", json={"status": "RUNNING"})
        if reply.status_code == 200:
            return path, job_in(reply)
        stack.wait_settled([job["jobId"]], within=20)
        job = stack.create(scheduledTime=FAR, timeoutSeconds=30)
        path = f"{JOBS}/{job['jobId']}"
    pytest.fail("a worker was faster twenty times")


# --- cancel, retry, abandon, rerun, delete


def test_cancel_before_a_lease(
    jobs: httpx.Client, waiting: dict[str, Any], failed: dict[str, Any]
) -> None:
    """CREATED, SCHEDULED not leased, FAILED → CANCELLED at once (200)."""
    for job in (waiting, failed):
        reply = jobs.post(f"{JOBS}/{job['jobId']}/cancel")
        assert job_in(reply)["status"] == "CANCELLED"


def test_cancel_of_a_running_job(
    jobs: httpx.Client, stack: RunningStack, running: dict[str, Any]
) -> None:
    """Leased or running: 202, `cancelRequested: true`; the request reaches the worker by push …, and the job
    ends CANCELLED"""
    asked = job_in(jobs.post(f"{JOBS}/{running['jobId']}/cancel"), 202)
    assert (asked["status"], asked["cancelRequested"]) == ("RUNNING", True)
    (settled,) = stack.wait_settled([running["jobId"]], within=10)
    assert settled["status"] == "CANCELLED"


def test_retry(jobs: httpx.Client, stack: RunningStack, failed: dict[str, Any]) -> None:
    """FAILED → SCHEDULED, due now, with one more attempt allowed"""
    again = job_in(jobs.post(f"{JOBS}/{failed['jobId']}/retry"))
    assert (again["status"], again["maxAttempts"]) == ("SCHEDULED", failed["maxAttempts"] + 1)
    (settled,) = stack.wait_settled([failed["jobId"]], within=20)
    assert (settled["status"], settled["failures"]) == ("FAILED", 2)


def test_abandon(jobs: httpx.Client, failed: dict[str, Any], done: dict[str, Any]) -> None:
    """FAILED or STOPPED → ABANDONED"""
    assert job_in(jobs.post(f"{JOBS}/{failed['jobId']}/abandon"))["status"] == "ABANDONED"
    refused(jobs.post(f"{JOBS}/{done['jobId']}/abandon"), 409, "illegal-transition")


def test_rerun(jobs: httpx.Client, done: dict[str, Any], waiting: dict[str, Any]) -> None:
    """a new job from a finished one (201, `rerunOf`)"""
    reply = jobs.post(f"{JOBS}/{done['jobId']}/rerun")
    anew = job_in(reply, 201)
    assert reply.headers["location"] == f"{JOBS}/{anew['jobId']}"
    assert (anew["rerunOf"], anew["status"], anew["payload"]) == (
        done["jobId"],
        "CREATED",
        done["payload"],
    )
    assert anew["jobId"] != done["jobId"]
    refused(jobs.post(f"{JOBS}/{waiting['jobId']}/rerun"), 409, "illegal-transition")


def test_delete(jobs: httpx.Client, failed: dict[str, Any], waiting: dict[str, Any]) -> None:
    """a settled job only (else 409): payload, result and labels are gone, it leaves the lists, its history
    stays for audit; 204, then 404"""
    path = f"{JOBS}/{failed['jobId']}"
    reply = jobs.delete(path)
    assert (reply.status_code, reply.content) == (204, b"")
    refused(jobs.get(path), 404, "not-found")
    refused(jobs.delete(path), 404, "not-found")
    assert len(good(jobs.get(f"{path}/history"))) >= 4
    listed = good(jobs.get(JOBS, params={"createdFrom": failed["createdAt"], "limit": 200}))
    assert failed["jobId"] not in {job["jobId"] for job in listed["items"]}
    refused(jobs.delete(f"{JOBS}/{waiting['jobId']}"), 409, "illegal-transition")


# --- history, executions, why


def test_history(jobs: httpx.Client, done: dict[str, Any]) -> None:
    """`data: [{"version","from","to","attempt","node","at","reason","actor"}]`, oldest first, version
    0,1,2,…; `from` is null in the first"""
    rows = good(jobs.get(f"{JOBS}/{done['jobId']}/history"))
    assert all(set(row) == HISTORY_MEMBERS for row in rows)
    assert [row["version"] for row in rows] == list(range(len(rows)))
    assert [row["from"] for row in rows] == [None, *(row["to"] for row in rows[:-1])]
    assert (rows[0]["to"], rows[-1]["to"]) == ("CREATED", "SUCCESS")
    assert rows[-1]["version"] == done["version"]


def test_executions(jobs: httpx.Client, done: dict[str, Any]) -> None:
    """attempts: `data: [{"executionId","jobId","attempt","node","status","leasedAt",…}]`"""
    (run,) = good(jobs.get(f"{JOBS}/{done['jobId']}/executions"))
    assert set(run) == OUR_EXECUTION_MEMBERS
    assert (run["jobId"], run["attempt"], run["status"]) == (done["jobId"], 1, "SUCCESS")
    assert run["startedAt"] == done["startedAt"]


def test_why(jobs: httpx.Client, waiting: dict[str, Any], done: dict[str, Any]) -> None:
    """`data: {"state","reason": "<slug>","text","since","nextAt","facts": {}}`"""
    for job, reason in ((waiting, "not-due"), (done, "succeeded")):
        why = good(jobs.get(f"{JOBS}/{job['jobId']}/why"))
        assert set(why) == {"state", "reason", "text", "since", "nextAt", "facts"}
        assert (why["state"], why["reason"]) == (job["status"], reason)
    assert good(jobs.get(f"{JOBS}/{waiting['jobId']}/why"))["nextAt"] == FAR
