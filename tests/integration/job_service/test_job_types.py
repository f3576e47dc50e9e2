"""Job types over HTTP: the list, pause and resume, and what is known before the first worker comes."""

import asyncio
import json
from collections.abc import AsyncIterator, Mapping

import httpx
import pytest

from job_service.app import make_app
from job_service.domain.payload_schema import PayloadSchema
from job_service.postgres.migrate import migrate
from shared.contracts.nodes import DeclaredType, RegisterNode
from shared.contracts.states import NodeRole
from shared.kernel.ids import new_id
from tests.support import shipped_types
from tests.support.job_service import Service

LIMITS = {"max_running": 4, "passes_key": True}
NUMBER = {"type": "object", "properties": {"n": {"type": "integer"}}}


@pytest.fixture
async def http(service: Service) -> AsyncIterator[httpx.AsyncClient]:
    """A client of the public routes."""
    transport = httpx.ASGITransport(app=make_app(service.stores, service.operations))
    async with httpx.AsyncClient(transport=transport, base_url="http://job") as client:
        yield client


async def register(service: Service, *types: DeclaredType) -> None:
    node = RegisterNode(
        node=new_id(),
        role=NodeRole.WORKER,
        address="test",
        version="1",
        slots=1,
        types=list(types),
    )
    assert (await service.operations.sessions.register(node)).live


def count_type(schema: Mapping[str, object] | None = None, seconds: float = 5.0) -> DeclaredType:
    return DeclaredType.model_validate(
        {"name": "COUNT", "timeoutSeconds": seconds, "payloadSchema": schema or {}}
    )


async def listed(http: httpx.AsyncClient) -> dict[str, dict[str, object]]:
    reply = await http.get("/api/v1/job-types")
    assert reply.status_code == 200
    return {item["name"]: item for item in reply.json()["data"]["items"]}


def test_the_shipped_types_are_those_of_the_handlers() -> None:
    """Else: python -m tests.support.shipped_types --write."""
    assert shipped_types.FILE.read_text() == shipped_types.text()


def test_what_contract_md_says_of_payloads_fits_the_shipped_types() -> None:
    """DUMMY: nothing, any text, wishes; section 8's HTTP_CALL."""
    by_name = {
        t.name: PayloadSchema(json.dumps(t.payload_schema)) for t in shipped_types.declared()
    }
    for payload in (None, '"optional data"', '""', '{"sleepMs": 5}'):
        assert by_name["DUMMY"].errors(payload) == []
    assert by_name["HTTP_CALL"].errors('{"url": "https://example.org/"}') == []
    assert by_name["HTTP_CALL"].errors(None) != []


async def test_shipped_types_are_known_before_the_first_worker(
    service: Service, http: httpx.AsyncClient
) -> None:
    """The reference flow creates its first job when nothing else is there yet."""
    types = await listed(http)
    assert {"DUMMY", "HTTP_CALL"} <= types.keys()
    assert types["DUMMY"]["liveWorkers"] == 0
    body = {"name": "My First Job", "jobType": "DUMMY", "payload": "optional data"}
    created = await http.post("/api/v1/jobs", json=body)
    assert created.status_code == 201, created.text


async def test_a_migration_leaves_what_workers_declared(
    service: Service, database_url: str
) -> None:
    """A worker of a newer version may have come before the migration runs again."""
    declared = DeclaredType(name="DUMMY", timeout_seconds=7, payload_schema={"type": "string"})
    await register(service, declared)
    await service.stores.database.engine.dispose()
    await asyncio.to_thread(migrate, database_url)
    row = await service.stores.types.one("DUMMY")
    assert row is not None
    assert (row["timeout_seconds"], row["payload_schema"]) == (7, {"type": "string"})


async def test_a_type_is_listed_with_schema_limits_and_live_workers(
    service: Service, http: httpx.AsyncClient
) -> None:
    """And outlives its workers; the last declaration counts."""
    await register(service, count_type(NUMBER))
    await register(service, count_type(NUMBER, seconds=9))
    item = (await listed(http))["COUNT"]
    assert item["payloadSchema"] == NUMBER
    assert item["limits"] == {"timeoutSeconds": 9, "maxRunning": None, "passesKey": False}
    await register(service, count_type(NUMBER).model_copy(update=LIMITS))
    item = (await listed(http))["COUNT"]
    assert item["limits"] == {"timeoutSeconds": 5, "maxRunning": 4, "passesKey": True}
    assert (item["liveWorkers"], item["pausedAt"]) == (3, None)
    await service.raw.execute("UPDATE nodes SET state = 'dead'")
    assert (await listed(http))["COUNT"]["liveWorkers"] == 0


async def test_creates_are_checked_by_what_was_declared_a_moment_ago(
    service: Service, http: httpx.AsyncClient
) -> None:
    """Unknown, known, and no more fitting: each without waiting for the next reading."""

    async def create(payload: object) -> httpx.Response:
        body = {"name": "a", "jobType": "COUNT", "payload": payload}
        return await http.post("/api/v1/jobs", json=body)

    refused = await create({"n": 1})
    assert (refused.status_code, refused.json()["type"]) == (422, "/problems/unknown-job-type")
    assert "COUNT" in refused.json()["message"]
    await register(service, count_type(NUMBER))
    assert (await create({"n": 1})).status_code == 201
    refused = await create({"n": "one"})
    assert (refused.status_code, refused.json()["type"]) == (422, "/problems/payload-invalid")
    assert refused.json()["errors"][0]["loc"] == ["payload", "n"]
    await register(service, count_type({"type": "object"}))
    assert (await create({"n": "one"})).status_code == 201


@pytest.mark.parametrize("form", ["one", "batch", "atomic"])
async def test_dummy_takes_any_string_also_one_that_holds_an_object(
    http: httpx.AsyncClient, form: str
) -> None:
    """A string that holds wishes is these; one that holds another object stays a string; that object itself is
    refused."""
    wishes, other = '{"sleepMs": 5}', ' {"order\\u0049d": 7}'
    if form == "one":
        replies = [
            await http.post("/api/v1/jobs", json={"name": "a", "jobType": "DUMMY", "payload": p})
            for p in (wishes, other)
        ]
        made = [reply.json()["data"] for reply in replies]
    else:
        jobs = [{"name": "a", "jobType": "DUMMY", "payload": p} for p in (wishes, other)]
        query = "?atomic=true" if form == "atomic" else ""
        made = (await http.post(f"/api/v1/jobs/batch{query}", json={"jobs": jobs})).json()["data"]
    assert [job["payload"] for job in made] == [{"sleepMs": 5}, other]
    body = {"name": "a", "jobType": "DUMMY", "payload": {"orderId": 7}}
    refused = await http.post("/api/v1/jobs", json=body)
    assert refused.json()["type"] == "/problems/payload-invalid"
    call = {"name": "a", "jobType": "HTTP_CALL", "payload": '{"uri": "https://example.org"}'}
    refused = await http.post("/api/v1/jobs", json=call)
    assert refused.json()["type"] == "/problems/payload-invalid"


async def test_the_list_goes_in_pages_by_name(service: Service, http: httpx.AsyncClient) -> None:
    names = [f"T{n:03}" for n in range(7)]
    await register(service, *(DeclaredType(name=n, timeout_seconds=1) for n in names))
    expected = sorted({*names, *(t.name for t in shipped_types.declared())})
    seen: list[str] = []
    cursor: str | None = None
    while True:
        reply = await http.get(
            "/api/v1/job-types", params={"limit": 4, **({"cursor": cursor} if cursor else {})}
        )
        data = reply.json()["data"]
        seen += [item["name"] for item in data["items"]]
        cursor = data["nextCursor"]
        if cursor is None:
            break
    assert seen == expected


async def test_pause_and_resume_answer_the_type(service: Service, http: httpx.AsyncClient) -> None:
    for verb, paused in (("pause", True), ("pause", True), ("resume", False), ("resume", False)):
        reply = await http.post(f"/api/v1/job-types/DUMMY/{verb}")
        assert reply.status_code == 200
        assert reply.json()["data"]["name"] == "DUMMY"
        assert (reply.json()["data"]["pausedAt"] is not None) == paused


@pytest.mark.parametrize("verb", ["pause", "resume"])
@pytest.mark.parametrize(
    "name",
    ["NOBODY", "dummy", "%00", "%ED%A0%80", "a b", "-", "x" * 5_000, "%F0%9F%98%80", "DUMMY%0A"],
)
async def test_no_such_type(http: httpx.AsyncClient, verb: str, name: str) -> None:
    reply = await http.post(f"/api/v1/job-types/{name}/{verb}")
    assert reply.status_code == 404
    assert reply.json()["type"] == "/problems/not-found"
    assert len(reply.content) < 20_000


@pytest.mark.parametrize(
    "query",
    [
        "limit=0",
        "limit=201",
        "limit=x",
        "cursor=",
        "cursor=%00",
        "cursor=bm8=x",
        "cursor=LQ==",
        "page=2",
    ],
)
async def test_a_list_that_cannot_be(http: httpx.AsyncClient, query: str) -> None:
    reply = await http.get(f"/api/v1/job-types?{query}")
    assert reply.status_code == 422
    assert reply.json()["type"] == "/problems/validation"
