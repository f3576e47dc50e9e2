"""contract.md section 1, line by line."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from typing import Any
from uuid import uuid4

import asyncpg
import httpx
import pytest

from tests.contract.limits import PUBLIC_REQUESTS
from tests.support.contract import JOBS, TIME, UUID7, a_create, as_of, good, job_in, refused
from tests.support.stacks import RunningStack

TIMES = (
    "scheduledTime",
    "createdAt",
    "updatedAt",
    "startedAt",
    "finishedAt",
    "expiresAt",
    "nextAttemptAt",
)


def test_times_have_a_zone_and_milliseconds(
    jobs: httpx.Client, waiting: dict[str, Any], done: dict[str, Any], failed: dict[str, Any]
) -> None:
    """Times are RFC 3339 with zone and milliseconds in replies (`2026-11-21T10:00:00.000Z`)"""
    for job in (waiting, done, failed):
        assert all(job[name] is None or TIME.fullmatch(job[name]) for name in TIMES)
    assert all(done[name] for name in ("startedAt", "finishedAt", "createdAt", "updatedAt"))
    rows = good(jobs.get(f"{JOBS}/{done['jobId']}/history"))
    assert all(TIME.fullmatch(row["at"]) for row in rows)
    (run,) = good(jobs.get(f"{JOBS}/{done['jobId']}/executions"))
    assert all(TIME.fullmatch(run[name]) for name in ("leasedAt", "startedAt", "endedAt"))


@pytest.mark.parametrize(
    ("sent", "read"),
    [
        ("2998-05-06T07:08:09", "2998-05-06T07:08:09.000Z"),
        ("2998-05-06T07:08:09.123456", "2998-05-06T07:08:09.123Z"),
        ("2998-05-06T07:08:09+02:00", "2998-05-06T05:08:09.000Z"),
        ("2998-05-06T07:08", "2998-05-06T07:08:00.000Z"),
    ],
)
def test_a_time_without_zone_is_utc(jobs: httpx.Client, sent: str, read: str) -> None:
    """a request time without zone is UTC"""
    job = job_in(jobs.post(JOBS, json=a_create(scheduledTime=sent, expiresAt=sent)), 201)
    assert (job["scheduledTime"], job["expiresAt"]) == (read, read)


@pytest.mark.parametrize("sent", ["2998-05-06", "29980506", "2998-W10-1"])
def test_a_date_alone_is_refused(jobs: httpx.Client, sent: str) -> None:
    """a date alone is refused"""
    refused(jobs.post(JOBS, json=a_create(scheduledTime=sent)), 422, "validation")


def test_ids_are_lower_case_uuid7(jobs: httpx.Client, done: dict[str, Any]) -> None:
    """Ids are lower-case UUIDv7 strings."""
    (run,) = good(jobs.get(f"{JOBS}/{done['jobId']}/executions"))
    nodes = [node["nodeId"] for node in good(jobs.get("/api/v1/nodes"))["items"]]
    for found in (done["jobId"], run["executionId"], run["jobId"], run["node"], *nodes):
        assert UUID7.fullmatch(found), found


def test_a_creation_answers_201_with_location(jobs: httpx.Client) -> None:
    """Creation answers **201** with `Location`"""
    reply = jobs.post(JOBS, json=a_create())
    job = job_in(reply, 201)
    assert reply.json()["message"] == "Job created"
    assert reply.headers["location"] == f"{JOBS}/{job['jobId']}"
    assert job_in(jobs.get(reply.headers["location"])) == job


def test_json_is_utf8_and_camel_case(jobs: httpx.Client) -> None:
    """JSON, UTF-8, camelCase."""
    name = "zażółć 💩 ナイト"
    reply = jobs.post(JOBS, json=a_create(name=name, labels={"Ключ": "ß"}))
    job = job_in(jobs.get(reply.headers["location"]))
    assert (job["name"], job["labels"]) == (name, {"Ключ": "ß"})
    assert not [member for member in job if "_" in member or member[0].isupper()]


def test_a_problem_has_its_members(jobs: httpx.Client) -> None:
    """Error: `Content-Type: application/problem+json`, body `{"success": false, "message": …`; `validation`
    (with `errors: [{"loc","msg"}]`)"""
    problem = refused(jobs.post(JOBS, json=a_create(priority=101, name="")), 422, "validation")
    assert {tuple(sorted(error)) for error in problem["errors"]} == {("loc", "msg")}
    assert {error["loc"][-1] for error in problem["errors"]} == {"priority", "name"}


def test_400_malformed_json(jobs: httpx.Client) -> None:
    """400 malformed JSON"""
    headers = {"Content-Type": "application/json"}
    problem = refused(jobs.post(JOBS, content=b"{", headers=headers), 400, "validation")
    assert problem["errors"]


def test_404(jobs: httpx.Client) -> None:
    """`not-found` · 404"""
    refused(jobs.get(f"{JOBS}/{uuid4()}"), 404, "not-found")
    refused(jobs.get("/api/v1/nothing"), 404, "not-found")


def test_409_illegal_transition(jobs: httpx.Client, waiting: dict[str, Any]) -> None:
    """`illegal-transition` (with `current`, `allowed`, `version`) · 409 illegal transition or state conflict"""
    reply = jobs.post(f"{JOBS}/{waiting['jobId']}/retry")
    problem = refused(reply, 409, "illegal-transition")
    assert (problem["current"], problem["version"]) == ("CREATED", 0)
    assert problem["allowed"] == ["SCHEDULED", "CANCELLED"]


def test_412_stale_if_match(jobs: httpx.Client, waiting: dict[str, Any]) -> None:
    """`version-conflict` (with `expected`, `actual`) · 412 stale `If-Match`"""
    path = f"{JOBS}/{waiting['jobId']}"
    for reply in (
        jobs.patch(path, json={"priority": 1}, headers=as_of(7)),
        jobs.patch(f"{path}/state", json={"status": "CANCELLED"}, headers=as_of(7)),
        jobs.post(f"{path}/cancel", headers=as_of(7)),
    ):
        problem = refused(reply, 412, "version-conflict")
        assert (problem["expected"], problem["actual"]) == (7, 0)


def test_428_where_if_match_is_required(jobs: httpx.Client, waiting: dict[str, Any]) -> None:
    """428 where `If-Match` is required"""
    reply = jobs.patch(f"{JOBS}/{waiting['jobId']}", json={"priority": 1})
    refused(reply, 428, "precondition-required")


def test_422_unknown_job_type(jobs: httpx.Client) -> None:
    """`unknown-job-type` (with `known`, `didYouMean`)"""
    problem = refused(jobs.post(JOBS, json=a_create(jobType="HTTP_CAL")), 422, "unknown-job-type")
    assert problem["didYouMean"] == "HTTP_CALL"
    assert {"DUMMY", "HTTP_CALL"} <= set(problem["known"])


def test_422_payload_invalid(jobs: httpx.Client) -> None:
    """`payload-invalid` · 422 valid JSON that does not fit"""
    body = a_create(payload={"sleepMs": "long"})
    problem = refused(jobs.post(JOBS, json=body), 422, "payload-invalid")
    assert problem["errors"][0]["loc"] == ["payload", "sleepMs"]


def test_413_before_parsing(jobs: httpx.Client) -> None:
    """`too-large` · 413 before parsing: this body is no JSON either"""
    headers = {"Content-Type": "application/json"}
    body = b"{" * (1024 * 1024 + 1)
    refused(jobs.post(JOBS, content=body, headers=headers), 413, "too-large")


def test_415(jobs: httpx.Client) -> None:
    """415"""
    headers = {"Content-Type": "text/plain"}
    body = json.dumps(a_create()).encode()
    refused(jobs.post(JOBS, content=body, headers=headers), 415, "unsupported-media")


def test_422_idempotency_key_reused(jobs: httpx.Client) -> None:
    """`idempotency-key-reused`"""
    key = {"Idempotency-Key": uuid4().hex}
    job_in(jobs.post(JOBS, json=a_create(), headers=key), 201)
    reply = jobs.post(JOBS, json=a_create(priority=1), headers=key)
    refused(reply, 422, "idempotency-key-reused")


def test_get_honours_if_none_match(jobs: httpx.Client, waiting: dict[str, Any]) -> None:
    """Every job reply carries `ETag: "<version>"`. `GET` honours `If-None-Match` (304)."""
    path = f"{JOBS}/{waiting['jobId']}"
    tag = jobs.get(path).headers["etag"]
    assert tag == '"0"'
    for tags in (tag, f'"9", {tag}', f"W/{tag}", "*"):
        reply = jobs.get(path, headers={"If-None-Match": tags})
        assert (reply.status_code, reply.content, reply.headers["etag"]) == (304, b"", tag)
    assert jobs.get(path, headers={"If-None-Match": '"9"'}).status_code == 200


def test_lists_have_pages(jobs: httpx.Client, stack: RunningStack) -> None:
    """Lists: `data: {"items": [...], "nextCursor": "..." | null}`, `?limit=` (default 50, at most 200) and
    `?cursor=` (opaque). Newest first unless said."""
    run = uuid4().hex
    made = stack.create_many(51, scheduledTime="2999-01-01T00:00:00Z", labels={"run": run})
    of_run = {"label": f"run:{run}"}
    first = good(jobs.get(JOBS, params=of_run))
    assert set(first) == {"items", "nextCursor"}
    assert [job["jobId"] for job in first["items"]] == made[:0:-1]
    last = good(jobs.get(JOBS, params={**of_run, "cursor": first["nextCursor"]}))
    assert [job["jobId"] for job in last["items"]] == made[:1]
    assert last["nextCursor"] is None
    assert len(good(jobs.get(JOBS, params={**of_run, "limit": 200}))["items"]) == 51
    refused(jobs.get(JOBS, params={"limit": 201}), 422, "validation")
    refused(jobs.get(JOBS, params={"cursor": first["nextCursor"]}), 422, "validation")


async def test_429_and_503_say_when_to_come_again(
    stack: RunningStack, done: dict[str, Any]
) -> None:
    """429/503 with `Retry-After`: `overloaded` beyond as many requests as the process takes, `unavailable`
    where the database does not answer."""
    one, many = f"{JOBS}/{done['jobId']}", PUBLIC_REQUESTS + 4
    async with _client(stack) as http, locked(stack, "LOCK TABLE jobs IN ACCESS EXCLUSIVE MODE"):
        replies = await asyncio.gather(*(http.get(one) for _ in range(many)))
        assert (await http.get("/livez")).status_code == 200
    statuses = sorted(reply.status_code for reply in replies)
    assert statuses == [429] * 4 + [503] * PUBLIC_REQUESTS
    for reply in replies:
        refused(
            reply, reply.status_code, "overloaded" if reply.status_code == 429 else "unavailable"
        )
        assert int(reply.headers["retry-after"]) >= 1
    assert stack.job(done["jobId"]) == done


async def test_409_idempotency_in_flight(stack: RunningStack) -> None:
    """`idempotency-in-flight`: the first request under the key is not done yet"""
    key = uuid4().hex
    taken = f"INSERT INTO idempotency_keys VALUES ('{key}', decode('00', 'hex'), gen_random_uuid(), now())"
    async with _client(stack) as http:
        headers = {"Idempotency-Key": key}
        async with locked(stack, taken):
            reply = await http.post(JOBS, json=a_create(), headers=headers)
        refused(reply, 409, "idempotency-in-flight")
        assert int(reply.headers["retry-after"]) >= 1


def _client(stack: RunningStack) -> httpx.AsyncClient:
    return httpx.AsyncClient(base_url=stack.stack.plan.url("job-1"), timeout=20)


@asynccontextmanager
async def locked(stack: RunningStack, lock: str) -> AsyncIterator[None]:
    """Nobody gets past this lock for as long as the block lasts."""
    raw = await asyncpg.connect(stack.stack.plan.database_url, timeout=10, command_timeout=10)
    try:
        async with raw.transaction():
            await raw.execute(lock)
            yield
    finally:
        await raw.close()


def test_clocks_agree(stack: RunningStack) -> None:
    """`scheduledTime` now: by default a job is due when it was created."""
    before = datetime.now(UTC)
    job = stack.create(payload={"sleepMs": 0})
    due = datetime.fromisoformat(job["scheduledTime"])
    assert abs((due - before).total_seconds()) < 5
    assert job["scheduledTime"] == job["createdAt"]
