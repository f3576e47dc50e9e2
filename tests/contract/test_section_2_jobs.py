"""contract.md section 2: what a job is, and the two calls that create jobs."""

import json
from typing import Any
from uuid import uuid4

import httpx
import pytest

from tests.support.contract import (
    BATCH,
    JOB_MEMBERS,
    JOBS,
    a_create,
    good,
    ids_in,
    job_in,
    refused,
)
from tests.support.stacks import RunningStack

# --- the job


def test_the_members_of_a_job(waiting: dict[str, Any], done: dict[str, Any]) -> None:
    """{"jobId","name","status","jobType","payload","scheduledTime","priority","orderingKey","attempt",…}"""
    assert set(waiting) >= JOB_MEMBERS
    assert (done["attempt"], done["failures"], done["lost"]) == (1, 0, 0)
    assert (done["status"], done["result"], done["error"]) == ("SUCCESS", {"sleptMs": 0}, None)
    assert done["latenessMs"] >= 0


def test_a_create_needs_name_and_job_type_only(jobs: httpx.Client) -> None:
    """Create needs `name` and `jobType`; all else has a default"""
    job = job_in(jobs.post(JOBS, json={"name": "x", "jobType": "DUMMY"}), 201)
    assert (job["payload"], job["priority"], job["maxAttempts"], job["labels"]) == (None, 0, 3, {})
    assert job["scheduledTime"] == job["createdAt"]
    for missing in ({"name": "x"}, {"jobType": "DUMMY"}):
        refused(jobs.post(JOBS, json=missing), 422, "validation")


@pytest.mark.parametrize(
    ("member", "fits", "not_any_more"),
    [
        ("priority", (-100, 100), (-101, 101)),
        ("maxAttempts", (1, 100), (0, 101)),
        ("labels", ({f"k{n}": "v" for n in range(16)},), ({f"k{n}": "v" for n in range(17)},)),
        ("name", ("n", "n" * 200), ("", "n" * 201)),
    ],
)
def test_bounds(jobs: httpx.Client, member: str, fits: Any, not_any_more: Any) -> None:
    """`priority` 0 (−100…100), `maxAttempts` 3 (1…100), `labels` {} (≤ 16 pairs). `name` is 1–200 characters"""
    for value in fits:
        assert job_in(jobs.post(JOBS, json=a_create(**{member: value})), 201)[member] == value
    for value in not_any_more:
        refused(jobs.post(JOBS, json=a_create(**{member: value})), 422, "validation")


def test_a_name_need_not_be_unique(jobs: httpx.Client) -> None:
    """need not be unique"""
    ids = {job_in(jobs.post(JOBS, json=a_create(name="same")), 201)["jobId"] for _ in range(2)}
    assert len(ids) == 2


@pytest.mark.parametrize("payload", [None, "", "text", "17", "[1]", "{no JSON", {}, {"sleepMs": 1}])
def test_what_dummy_takes(jobs: httpx.Client, payload: Any) -> None:
    """`payload` null (…); `DUMMY` takes any string"""
    assert job_in(jobs.post(JOBS, json=a_create(payload=payload)), 201)["payload"] == payload


@pytest.mark.parametrize("payload", [True, 17, 1.5, [], [1, None], {"a": {"b": [1]}}])
def test_any_json_value_is_a_payload_that_its_type_may_take_or_refuse(
    jobs: httpx.Client, payload: Any
) -> None:
    """any JSON value: the schema of the type decides, and its name is said"""
    reply = jobs.post(JOBS, json=a_create(payload=payload))
    assert "DUMMY" in refused(reply, 422, "payload-invalid")["message"]


def test_a_payload_has_at_most_64_kib(jobs: httpx.Client) -> None:
    """≤ 64 KiB encoded"""
    assert job_in(jobs.post(JOBS, json=a_create(payload="p" * 65_534)), 201)
    refused(jobs.post(JOBS, json=a_create(payload="p" * 65_535)), 422, "validation")


def test_json_inside_a_string(jobs: httpx.Client) -> None:
    """the reference system sends JSON inside a string: a string that holds a JSON object is taken as that
    object"""
    job = job_in(jobs.post(JOBS, json=a_create(payload='{"sleepMs": 7}')), 201)
    assert job["payload"] == {"sleepMs": 7}


def test_higher_priority_first(jobs: httpx.Client, stack: RunningStack) -> None:
    """higher first: in the order in which they would be claimed"""
    good(jobs.post("/api/v1/job-types/DUMMY/pause"))
    try:
        made = [stack.create(priority=priority, payload="") for priority in (-100, 0, 100)]
        wanted = [job["jobId"] for job in reversed(made)]
        ready = ids_in(jobs, "ready-to-schedule")
        assert [job_id for job_id in ready if job_id in wanted] == wanted
        for job_id in wanted:
            good(jobs.post(f"{JOBS}/{job_id}/cancel"))
    finally:
        good(jobs.post("/api/v1/job-types/DUMMY/resume"))


# --- POST /api/v1/jobs and /batch


def test_a_repeat_under_a_key(jobs: httpx.Client) -> None:
    """header `Idempotency-Key` (≤ 255) makes a repeat safe: same key and body → the same job, 200; other
    body → 422"""
    key = {"Idempotency-Key": "k" * 223 + uuid4().hex}
    first = job_in(jobs.post(JOBS, json=a_create(), headers=key), 201)
    assert job_in(jobs.post(JOBS, json=a_create(), headers=key), 200) == first
    refused(jobs.post(JOBS, json=a_create(name="y"), headers=key), 422, "idempotency-key-reused")
    long = {"Idempotency-Key": "k" * 256}
    refused(jobs.post(JOBS, json=a_create(), headers=long), 422, "validation")


def test_a_bad_job_does_not_spoil_the_batch(jobs: httpx.Client) -> None:
    """201, `data: [job or {"error": problem}]` in the order given; a bad one does not spoil the rest"""
    given = [
        a_create(name="a"),
        a_create(priority=101),
        a_create(jobType="NOBODY"),
        a_create(name="d"),
    ]
    made = good(jobs.post(BATCH, json={"jobs": given}), 201)
    assert [one.get("name") for one in made] == ["a", None, None, "d"]
    errors = [one["error"] for one in made[1:3]]
    types = [error["type"] for error in errors]
    assert types == ["/problems/validation", "/problems/unknown-job-type"]
    assert all(error["success"] is False for error in errors)
    assert job_in(jobs.get(f"{JOBS}/{made[3]['jobId']}")) == made[3]


def test_an_atomic_batch_is_all_or_nothing(jobs: httpx.Client) -> None:
    """`?atomic=true` makes it all or nothing"""
    label = {"run": uuid4().hex}
    given = [a_create(labels=label), a_create(labels=label, priority=101)]
    reply = jobs.post(BATCH, params={"atomic": "true"}, json={"jobs": given})
    refused(reply, 422, "validation")
    listed = jobs.get(JOBS, params={"label": f"run:{label['run']}"})
    assert good(listed)["items"] == []
    reply = jobs.post(BATCH, params={"atomic": "true"}, json={"jobs": given[:1] * 3})
    assert len(good(reply, 201)) == 3


def test_an_item_may_carry_its_own_key(jobs: httpx.Client) -> None:
    """an item may carry its own `idempotencyKey`"""
    batch = {"jobs": [a_create(idempotencyKey=uuid4().hex), a_create(idempotencyKey=uuid4().hex)]}
    first = good(jobs.post(BATCH, json=batch), 201)
    assert good(jobs.post(BATCH, json=batch), 201) == first


def test_how_large_a_batch_may_be(jobs: httpx.Client) -> None:
    """1…1000 creates; ≤ 8 MiB a request (1 MiB for all others)"""
    made = good(jobs.post(BATCH, json={"jobs": [a_create()] * 1_000}), 201)
    assert len({job["jobId"] for job in made}) == 1_000
    for count in (0, 1_001):
        reply = jobs.post(BATCH, json={"jobs": [a_create()] * count})
        refused(reply, 422, "validation")
    large = {"jobs": [a_create(payload="p" * 65_000)] * 64}
    assert len(json.dumps(large)) > 4_000_000
    assert len(good(jobs.post(BATCH, json=large), 201)) == 64
    body = b" " * (8 * 1024 * 1024 + 1)
    headers = {"Content-Type": "application/json"}
    refused(jobs.post(BATCH, content=body, headers=headers), 413, "too-large")
