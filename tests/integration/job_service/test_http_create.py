"""Creating over HTTP: one, in batches, anew; headers, and what is wrong with a request."""

import asyncio
import json
from collections.abc import AsyncIterator
from typing import Any
from uuid import UUID, uuid4

import httpx
import pytest

from shared.contracts.states import Outcome
from shared.kernel.ids import new_id
from tests.support.api import JOBS, a_create, calling, data_of, problem_of
from tests.support.given import Actors, cancelled, created, dead_letter, running, succeeded
from tests.support.job_service import Service, open_service

BATCH = f"{JOBS}/batch"


@pytest.fixture
async def http(service: Service) -> AsyncIterator[httpx.AsyncClient]:
    """A client of a service that knows DUMMY."""
    await service.worker()
    async with calling(service) as client:
        yield client


async def post(http: httpx.AsyncClient, body: Any, **headers: str) -> httpx.Response:
    return await http.post(
        JOBS, json=body, headers={k.replace("_", "-"): v for k, v in headers.items()}
    )


async def jobs_in(service: Service) -> int:
    count: int = await service.raw.fetchval("SELECT count(*) FROM jobs")
    return count


async def test_a_create_tells_where_the_job_is(http: httpx.AsyncClient) -> None:
    reply = await post(http, a_create())
    job = data_of(reply, 201)
    assert reply.headers["location"] == f"{JOBS}/{job['jobId']}"
    assert reply.headers["etag"] == '"0"'
    assert (job["status"], job["version"], job["rerunOf"]) == ("CREATED", 0, None)
    assert data_of(await http.get(reply.headers["location"])) == job


async def test_what_has_not_changed_is_not_sent_again(http: httpx.AsyncClient) -> None:
    where = (await post(http, a_create())).headers["location"]
    for tags in ('"0"', 'W/"0"', '"7", "0"', "*"):
        reply = await http.get(where, headers={"If-None-Match": tags})
        assert (reply.status_code, reply.headers["etag"], reply.content) == (304, '"0"', b"")
    for tags in ('"1"', "0", "nonsense", ""):
        assert (await http.get(where, headers={"If-None-Match": tags})).status_code == 200


async def test_a_repeat_under_a_key_is_the_same_job(
    http: httpx.AsyncClient, service: Service
) -> None:
    first = await post(http, a_create(), idempotency_key="one")
    again = await post(http, a_create(priority=0), idempotency_key="one")
    assert data_of(again, 200) == data_of(first, 201)
    assert again.headers["location"] == first.headers["location"]
    problem = problem_of(
        await post(http, a_create(priority=1), idempotency_key="one"), 422, "idempotency-key-reused"
    )
    assert "one" in problem["message"]
    assert await jobs_in(service) == 1


async def test_a_key_whose_first_request_hangs_is_in_flight(
    http: httpx.AsyncClient, service: Service, database_url: str
) -> None:
    """R25: it is neither answered with nothing nor made twice."""
    other = await service.connect()
    begun = other.transaction()
    await begun.start()
    await other.execute(
        "INSERT INTO idempotency_keys VALUES ('one', decode('00', 'hex'), $1, now())", new_id()
    )
    await service.raw.execute(
        f"ALTER DATABASE {database_url.rsplit('/', 1)[1]} SET lock_timeout = 100"
    )
    problem_of(await post(http, a_create(), idempotency_key="one"), 409, "idempotency-in-flight")
    await begun.rollback()
    data_of(await post(http, a_create(), idempotency_key="one"), 201)


# --- batches


async def test_a_batch_answers_in_the_order_given(
    http: httpx.AsyncClient, service: Service
) -> None:
    """A bad item does not spoil the rest, and says what is wrong with it."""
    taken = data_of(await post(http, a_create(name="taken"), idempotency_key="taken"), 201)
    items = [
        a_create(name="first"),
        {"name": "no type"},
        a_create(name="taken", idempotencyKey="taken"),
        a_create(name="other", idempotencyKey="taken"),
        a_create(jobType="DUMY"),
        "no object",
        a_create(payload="x" * 70_000),
        a_create(name="keyed", idempotencyKey="new"),
        a_create(name="keyed", idempotencyKey="new"),
        a_create(nonsense=1),
        a_create(name="last"),
    ]
    reply = await http.post(BATCH, json={"jobs": items})
    data = data_of(reply, 201)
    assert reply.json()["message"] == "3 created, 2 created before under their key, 6 refused"
    told = [
        item["name"] if "jobId" in item else item["error"]["type"].removeprefix("/problems/")
        for item in data
    ]
    assert told == [
        "first",
        "validation",
        "taken",
        "idempotency-key-reused",
        "unknown-job-type",
        "validation",
        "validation",
        "keyed",
        "keyed",
        "validation",
        "last",
    ]
    assert data[1]["error"]["errors"] == [{"loc": ["jobType"], "msg": "Field required"}]
    assert data[1]["error"]["instance"] == f"{BATCH}#/jobs/1"
    assert data[2]["jobId"] == taken["jobId"]
    assert data[7]["jobId"] == data[8]["jobId"]
    assert await jobs_in(service) == 4


async def test_all_or_nothing(http: httpx.AsyncClient, service: Service) -> None:
    items = [a_create(name="a"), a_create(name="b", idempotencyKey="b")]
    first = data_of(await http.post(BATCH, json={"jobs": items}, params={"atomic": "true"}), 201)
    assert [job["name"] for job in first] == ["a", "b"]
    again = data_of(await http.post(BATCH, json={"jobs": items}, params={"atomic": "true"}), 201)
    assert [job["jobId"] for job in again][1] == first[1]["jobId"]
    assert await jobs_in(service) == 3


@pytest.mark.parametrize(
    ("bad", "slug"),
    [
        ({"name": ""}, "validation"),
        ({"jobType": "NOBODY"}, "unknown-job-type"),
        ({"name": "other", "idempotencyKey": "taken"}, "idempotency-key-reused"),
        ({"payload": [[1e308] * 1_000]}, "validation"),
    ],
)
async def test_one_bad_job_leaves_nothing(
    http: httpx.AsyncClient, service: Service, bad: dict[str, Any], slug: str
) -> None:
    await post(http, a_create(name="taken"), idempotency_key="taken")
    items = [a_create(idempotencyKey="new"), a_create(**bad), a_create()]
    reply = await http.post(BATCH, json={"jobs": items}, params={"atomic": "true"})
    problem = problem_of(reply, 422, slug)
    assert all(error["loc"][:2] == ["jobs", "1"] for error in problem["errors"])
    assert await jobs_in(service) == 1
    assert await service.raw.fetchval("SELECT count(*) FROM idempotency_keys") == 1


async def test_a_key_twice_with_two_bodies_leaves_nothing(
    http: httpx.AsyncClient, service: Service
) -> None:
    items = [a_create(idempotencyKey="k"), a_create(name="other", idempotencyKey="k")]
    reply = await http.post(BATCH, json={"jobs": items}, params={"atomic": "true"})
    problem_of(reply, 422, "idempotency-key-reused")
    assert await jobs_in(service) == 0


async def test_all_or_nothing_at_once_makes_each_job_once(
    http: httpx.AsyncClient, service: Service
) -> None:
    """R25: each batch holds some of the same keys; none is half done. One that is told that another is
    under way is sent again."""
    batches = [
        [a_create(name=f"k{n}", idempotencyKey=f"k{n}") for n in range(k, k + 10)]
        for k in range(10)
    ]

    async def until_decided(batch: list[dict[str, Any]]) -> httpx.Response:
        while True:
            reply = await http.post(BATCH, json={"jobs": batch}, params={"atomic": "true"})
            if reply.status_code != 409:
                return reply
            problem_of(reply, 409, "idempotency-in-flight")

    replies = await asyncio.gather(*(until_decided(batch) for batch in batches))
    owners: dict[str, set[str]] = {}
    for reply in replies:
        for job in data_of(reply, 201):
            owners.setdefault(job["name"], set()).add(job["jobId"])
    assert {len(ids) for ids in owners.values()} == {1}
    assert await jobs_in(service) == len(owners) == 19


@pytest.mark.parametrize(
    "body",
    [{}, {"jobs": []}, {"jobs": {}}, {"jobs": [1] * 1_001}, {"jobs": [{}], "x": 1}, [], None],
    ids=["none", "empty", "object", "1001", "unknown", "list", "null"],
)
async def test_a_batch_that_is_none_is_refused(http: httpx.AsyncClient, body: Any) -> None:
    problem_of(await http.post(BATCH, json=body), 422, "validation")


async def test_a_batch_has_no_key_as_a_whole(http: httpx.AsyncClient) -> None:
    reply = await http.post(BATCH, json={"jobs": [a_create()]}, headers={"Idempotency-Key": "k"})
    assert "idempotencyKey" in problem_of(reply, 422, "validation")["message"]


async def test_a_thousand_jobs_of_8_kib(http: httpx.AsyncClient, service: Service) -> None:
    """Larger than any other request may be."""
    items = [a_create(payload="x" * 8_000) for _ in range(1_000)]
    assert len(data_of(await http.post(BATCH, json={"jobs": items}), 201)) == 1_000
    assert await jobs_in(service) == 1_000
    problem_of(await http.post(JOBS, json=a_create(payload="x" * 1_100_000)), 413, "too-large")
    items = [a_create(payload="x" * 9_000) for _ in range(1_000)]
    problem_of(await http.post(BATCH, json={"jobs": items}), 413, "too-large")


async def test_a_row_that_the_database_refuses_fails_alone(service: Service) -> None:
    """Whatever gets past every check: the batch is cut in halves until the bad one is alone."""
    await service.raw.execute(
        "ALTER TABLE jobs ADD CONSTRAINT not_this CHECK (name NOT LIKE 'bad%')"
    )
    await service.worker()
    async with calling(service) as http:
        items = [a_create(name=f"bad {n}" if n in {3, 4, 50} else f"good {n}") for n in range(64)]
        data = data_of(await http.post(BATCH, json={"jobs": items}), 201)
        refused = {n: item["error"] for n, item in enumerate(data) if "jobId" not in item}
        assert list(refused) == [3, 4, 50], refused
        assert data[3]["error"]["type"] == "/problems/validation"
        reply = await http.post(BATCH, json={"jobs": items}, params={"atomic": "true"})
        problem_of(reply, 422, "validation")
    assert await jobs_in(service) == 61


# --- rerun


async def test_a_rerun_is_a_new_job_with_the_same_wishes(
    http: httpx.AsyncClient, actors: Actors
) -> None:
    service = actors.service
    asked = a_create(
        payload={"sleepMs": 0, "n": [1.5, None]},
        priority=7,
        maxAttempts=5,
        timeoutSeconds=9.5,
        labels={"team": "a"},
        orderingKey="o",
        expiresAt="2099-01-02T00:00:00Z",
    )
    job = data_of(await post(http, asked), 201)
    await http.post(f"{JOBS}/{job['jobId']}/cancel")
    reply = await http.post(f"{JOBS}/{job['jobId']}/rerun", headers={"Idempotency-Key": "again"})
    made = data_of(reply, 201)
    assert made["rerunOf"] == job["jobId"]
    assert reply.headers["location"] == f"{JOBS}/{made['jobId']}"
    assert (made["status"], made["version"], made["attempt"]) == ("CREATED", 0, 0)
    same = (
        "name",
        "jobType",
        "payload",
        "priority",
        "maxAttempts",
        "timeoutSeconds",
        "labels",
        "orderingKey",
    )
    assert {name: made[name] for name in same} == {name: job[name] for name in same}
    assert made["expiresAt"] is None
    assert made["scheduledTime"] == made["createdAt"]
    again = await http.post(f"{JOBS}/{job['jobId']}/rerun", headers={"Idempotency-Key": "again"})
    assert data_of(again, 200)["jobId"] == made["jobId"]
    data_of(await http.post(f"{JOBS}/{job['jobId']}/rerun"), 201)
    assert (await service.job(UUID(made["jobId"]))).rerun_of == UUID(job["jobId"])


@pytest.mark.parametrize("given", [succeeded, dead_letter, cancelled])
async def test_what_is_settled_can_be_run_anew(
    http: httpx.AsyncClient, actors: Actors, given: Any
) -> None:
    job = await given(actors)
    stale = await http.post(f"{JOBS}/{job.id}/rerun", headers={"If-Match": '"77"'})
    problem_of(stale, 412, "version-conflict")
    data_of(
        await http.post(f"{JOBS}/{job.id}/rerun", headers={"If-Match": f'"{job.version}"'}), 201
    )
    assert (await actors.service.job(job.id)) == job


@pytest.mark.parametrize("given", [created, running])
async def test_what_is_not_settled_is_not_run_anew(
    http: httpx.AsyncClient, actors: Actors, given: Any
) -> None:
    job = await given(actors)
    problem = problem_of(await http.post(f"{JOBS}/{job.id}/rerun"), 409, "illegal-transition")
    assert problem["current"] == job.status
    problem_of(await http.post(f"{JOBS}/{uuid4()}/rerun"), 404, "not-found")


async def test_a_rerun_of_a_type_that_is_gone_is_refused(actors: Actors) -> None:
    """A type outlives its workers, so only a job from before types were kept is like that."""
    service = actors.service
    job = await succeeded(actors)
    await service.raw.execute("DELETE FROM job_types")
    async with open_service(service.url) as fresh, calling(fresh) as http:
        problem_of(await http.post(f"{JOBS}/{job.id}/rerun"), 422, "unknown-job-type")
    assert await service.finish(actors.worker, await _lease(actors), Outcome.SUCCESS)


async def _lease(actors: Actors) -> Any:
    return await actors.service.leased_one(actors.scheduler, actors.worker)


# --- what is wrong with a request


@pytest.mark.parametrize(
    ("body", "status"),
    [
        (b"", 422),
        (b"{", 400),
        (b"\xff\xfe", 400),
        (b'{"name": "\xff"}', 400),
        (json.dumps(a_create()).encode("utf-16"), 400),
        (b'{"name": "n", "jobType": "DUMMY", "payload": ' + b"[" * 100_000, 400),
        (b'{"name": "n", "jobType": "DUMMY", "payload": ' + b"[" * 300 + b"]" * 300 + b"}", 400),
        (b'{"name": "n", "jobType": "DUMMY", "payload": ' + b"[" * 100 + b"]" * 100 + b"}", 422),
        (b'{"name": "n", "jobType": "DUMMY", "payload": NaN}', 400),
        (b'{"name": "n", "jobType": "DUMMY", "payload": 1e999}', 422),
        (b'{"name": "n", "jobType": "DUMMY", "payload": 1' + b"0" * 5_000 + b"}", 400),
        (b'{"name": "n", "jobType": "DUMMY", "payload": 1' + b"0" * 400 + b"}", 422),
        (b'{"name": "n", "jobType": "DUMMY", "priority": 1' + b"0" * 30 + b"}", 422),
        (b'{"name": "n", "jobType": "DUMMY", "payload": "\\u0000"}', 422),
        (b'{"name": "\\ud800", "jobType": "DUMMY"}', 400),
        (b'{"name": "n", "jobType": "DUMMY"} {}', 400),
        (b"[]", 422),
        (b"null", 422),
        (b'"text"', 422),
    ],
    ids=lambda value: repr(value)[:40],
)
async def test_a_body_that_is_no_create(http: httpx.AsyncClient, body: bytes, status: int) -> None:
    reply = await http.post(JOBS, content=body, headers={"Content-Type": "application/json"})
    problem = problem_of(reply, status, "validation")
    assert problem["errors"]


async def test_every_other_refusal_is_a_problem_too(http: httpx.AsyncClient) -> None:
    reply = await http.put(JOBS, json={})
    problem_of(reply, 405, "method-not-allowed")
    assert "POST" in reply.headers["allow"]
    problem_of(await http.get("/nowhere"), 404, "not-found")
    problem_of(await http.get(f"{JOBS}/{uuid4()}"), 404, "not-found")
    problem_of(await http.get(f"{JOBS}/no-id"), 422, "validation")
    problem_of(await http.post(JOBS, content=b"name=n"), 415, "unsupported-media")
    long = {"Idempotency-Key": "k" * 256}
    problem_of(await http.post(JOBS, json=a_create(), headers=long), 422, "validation")


async def test_the_text_of_a_problem_is_served(http: httpx.AsyncClient) -> None:
    """Where the `type` of a problem leads to."""
    reply = await http.get(problem_of(await http.get("/nowhere"), 404, "not-found")["type"])
    assert reply.status_code == 200
    assert reply.text.startswith("## not-found\n")
    problem_of(await http.get("/problems/nonsense"), 404, "not-found")
