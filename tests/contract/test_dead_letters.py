"""Beyond contract.md: dead letters, bulk actions, parked records and drains keep to its section 1."""

import json
from typing import Any
from uuid import uuid4

import httpx
import pytest

from tests.support.contract import JOB_MEMBERS, TIME, UUID7, good, refused
from tests.support.stacks import RunningStack
from tests.support.waiting import wait_until

LETTERS, BULKS = "/api/v1/dead-letters", "/api/v1/bulk-actions"
PARKED, NODES = "/api/v1/parked-records", "/api/v1/nodes"
NOBODY = "0198f3b2-7c1a-7000-8000-00000000dead"
BULK_MEMBERS = {
    *("bulkActionId", "action", "filter", "dryRun", "mostJobs", "state"),
    *("matched", "done", "skipped", "failed", "left"),
    *("createdAt", "updatedAt", "finishedAt"),
}


def test_a_dead_letter_is_a_job_and_its_reason(jobs: httpx.Client, failed: dict[str, Any]) -> None:
    page = good(jobs.get(LETTERS, params={"createdFrom": failed["createdAt"]}))
    assert set(page) == {"items", "nextCursor"}
    (letter,) = [one for one in page["items"] if one["jobId"] == failed["jobId"]]
    assert set(letter) >= JOB_MEMBERS | {"reason"}
    assert letter == {**failed, "reason": "failed"}


def test_an_export_has_a_letter_in_each_line(jobs: httpx.Client, failed: dict[str, Any]) -> None:
    reply = jobs.get(f"{LETTERS}/export", params={"createdFrom": failed["createdAt"]})
    assert reply.status_code == 200
    assert reply.headers["content-type"] == "application/x-ndjson"
    lines = [json.loads(line) for line in reply.text.splitlines()]
    (mine,) = [line for line in lines if line["jobId"] == failed["jobId"]]
    rest = jobs.get(
        f"{LETTERS}/export", params={"createdFrom": failed["createdAt"], "cursor": mine["cursor"]}
    )
    assert [json.loads(line) for line in rest.text.splitlines()] == lines[lines.index(mine) + 1 :]


def test_a_bulk_action_retries_what_matches(jobs: httpx.Client, stack: RunningStack) -> None:
    name = uuid4().hex
    boom = {"sleepMs": 0, "fail": "boom"}
    (job_id,) = stack.create_many(1, name=name, payload=boom, maxAttempts=1)
    stack.wait_settled([job_id], within=20)
    reply = jobs.post(BULKS, json={"action": "retry", "filter": {"name": name}})
    begun = good(reply, 202)
    assert set(begun) == BULK_MEMBERS
    assert UUID7.fullmatch(begun["bulkActionId"])
    assert TIME.fullmatch(begun["createdAt"])
    place = reply.headers["location"]
    ended = wait_until(
        lambda: (bulk := good(jobs.get(place)))["finishedAt"] and bulk, within=20, what="its end"
    )
    assert (ended["state"], ended["matched"], ended["done"]) == ("done", 1, 1)
    assert good(jobs.get(f"{place}/jobs"))["items"] == [
        {"jobId": job_id, "version": 3, "outcome": "done", "note": None}
    ]
    assert good(jobs.get(BULKS))["items"][0]["bulkActionId"] == begun["bulkActionId"]
    assert good(jobs.post(f"{place}/stop")) == ended
    actors = {row["actor"] for row in stack.history(job_id) if row["from"] == "FAILED"}
    assert actors == {f"bulk:{begun['bulkActionId']}"}


@pytest.mark.parametrize(
    ("path", "params"),
    [
        (LETTERS, {"cursor": "made-up"}),
        (LETTERS, {"limit": "201"}),
        (LETTERS, {"reason": "bored"}),
        (LETTERS, {"status": "FAILED"}),
        (f"{LETTERS}/export", {"limit": "1"}),
        (BULKS, {"cursor": "made-up"}),
        (PARKED, {"cursor": "made-up"}),
    ],
)
def test_a_list_that_does_not_fit(jobs: httpx.Client, path: str, params: dict[str, str]) -> None:
    problem = refused(jobs.get(path, params=params), 422, "validation")
    assert problem["errors"]


@pytest.mark.parametrize(
    "path",
    [
        f"{BULKS}/{NOBODY}",
        f"{BULKS}/{NOBODY}/jobs",
        f"{BULKS}/{NOBODY}/export",
        f"{PARKED}/topic:0:0:{'0' * 64}",
        f"{PARKED}/x",
    ],
)
def test_what_is_not_there(jobs: httpx.Client, path: str) -> None:
    refused(jobs.get(path), 404, "not-found")


def test_a_body_that_does_not_fit(jobs: httpx.Client) -> None:
    refused(jobs.post(BULKS, json={"action": "cancel", "filter": {}}), 422, "validation")
    refused(jobs.post(BULKS, json={"action": "retry"}), 422, "validation")
    refused(
        jobs.post(BULKS, content="{", headers={"content-type": "application/json"}),
        400,
        "validation",
    )
    refused(jobs.post(BULKS, content="{}"), 415, "unsupported-media")


def test_only_workers_drain(jobs: httpx.Client, stack: RunningStack) -> None:
    (scheduler,) = stack.nodes("scheduler")
    refused(jobs.post(f"{NODES}/{scheduler['nodeId']}/drain"), 409, "not-drainable")
    refused(jobs.post(f"{NODES}/{NOBODY}/drain"), 404, "not-found")
