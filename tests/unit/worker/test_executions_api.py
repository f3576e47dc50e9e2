"""GET /api/v1/executions of a worker: its own from its log, all others from job_service."""

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

import httpx
import pytest
from fastapi import FastAPI

from shared.contracts.cursors import cursor_at
from shared.contracts.way import Stamps
from shared.kernel.ids import new_id
from shared.runtime.http_client import NoAnswer
from worker_service.api import executions
from worker_service.api.envelope import install
from worker_service.domain.execution_log import Execution, ExecutionLog

PATH = "/api/v1/executions"
NODE = new_id()


class JobServiceReads:
    """Answers given paths; no answer where `down`."""

    def __init__(self) -> None:
        self.down = False
        self.answers: dict[str, Any] = {}
        self.asked: list[str] = []

    async def __call__(self, path: str) -> tuple[int, bytes]:
        self.asked.append(path)
        if self.down:
            raise NoAnswer(path)
        if path not in self.answers:
            return 404, b"{}"
        return 200, json.dumps({"success": True, "data": self.answers[path]}).encode()


class Filled(ExecutionLog):
    """A log with executions of this node, oldest first."""

    def __init__(self, count: int) -> None:
        super().__init__()
        self.items = [_execution() for _ in range(count)]

    def newest_first(self) -> list[Execution]:
        return list(reversed(self.items))


def _execution() -> Execution:
    now = datetime.now(UTC)
    return Execution(
        new_id(), new_id(), 1, NODE, "SUCCESS", due_at=now, leased_at=now, way=Stamps()
    )


@asynccontextmanager
async def worker(log: ExecutionLog, read: executions.Read) -> AsyncIterator[httpx.AsyncClient]:
    app = FastAPI()
    install(app)
    app.include_router(executions.routes(log, read))
    transport = httpx.ASGITransport(app=app)
    async with httpx.AsyncClient(transport=transport, base_url="http://worker") as http:
        yield http


async def test_this_nodes_come_newest_first_in_pages() -> None:
    """What comes meanwhile is on no later page; what is forgotten meanwhile ends none early."""
    log = Filled(5)
    ids = [str(item.execution_id) for item in log.newest_first()]
    async with worker(log, JobServiceReads()) as http:
        data = (await http.get(PATH, params={"limit": 2})).json()["data"]
        assert [item["executionId"] for item in data["items"]] == ids[:2]
        log.items.append(_execution())
        del log.items[3]
        query = {"limit": 2, "cursor": data["nextCursor"]}
        data = (await http.get(PATH, params=query)).json()["data"]
        assert [item["executionId"] for item in data["items"]] == ids[2:4]
        query = {"limit": 2, "cursor": data["nextCursor"]}
        data = (await http.get(PATH, params=query)).json()["data"]
        assert [item["executionId"] for item in data["items"]] == ids[4:]
        assert data["nextCursor"] is None


async def test_every_nodes_are_those_of_job_service() -> None:
    read, first, last = JobServiceReads(), {"executionId": "1"}, new_id()
    read.answers["/internal/v1/executions?limit=1"] = {"items": [first], "nextCursor": str(last)}
    read.answers[f"/internal/v1/executions?limit=1&cursor={last}"] = {
        "items": [],
        "nextCursor": None,
    }
    async with worker(Filled(1), read) as http:
        page = (await http.get(PATH, params={"all": "true", "limit": 1})).json()["data"]
        assert page["items"] == [first]
        query = {"all": "true", "limit": 1, "cursor": page["nextCursor"]}
        page = (await http.get(PATH, params=query)).json()["data"]
        assert page == {"items": [], "nextCursor": None}


async def test_a_cursor_is_good_for_its_own_list_only() -> None:
    log = Filled(3)
    async with worker(log, JobServiceReads()) as http:
        cursor = (await http.get(PATH, params={"limit": 1})).json()["data"]["nextCursor"]
        foreign = cursor_at(new_id(), b"another list")
        queries: list[dict[str, str]] = [
            {"all": "true", "cursor": cursor},
            {"cursor": foreign},
            {"cursor": str(new_id())},
            {"cursor": "é"},
            {"limit": "0"},
            {"limit": "201"},
            {"al": "true"},
        ]
        for query in queries:
            reply = await http.get(PATH, params=query)
            assert reply.status_code == 422, query
            assert reply.headers["content-type"] == "application/problem+json"
            assert reply.json()["errors"]


async def test_a_jobs_executions_are_those_of_every_node() -> None:
    """One of its attempts ran here, another elsewhere; while job_service is away, what is known here."""
    log, read = Filled(1), JobServiceReads()
    job_id = log.items[0].job_id
    read.answers[f"/api/v1/jobs/{job_id}/executions"] = [{"attempt": 1}, {"attempt": 2}]
    async with worker(log, read) as http:
        assert len((await http.get(f"{PATH}/job/{job_id}")).json()["data"]) == 2
        read.down = True
        (known,) = (await http.get(f"{PATH}/job/{job_id}")).json()["data"]
        assert known["executionId"] == str(log.items[0].execution_id)
        assert (await http.get(f"{PATH}/job/{new_id()}")).status_code == 503
        read.down = False
        assert (await http.get(f"{PATH}/job/{new_id()}")).status_code == 404


@pytest.mark.parametrize("down", [False, True])
async def test_one_execution_is_looked_for_here_first(down: bool) -> None:
    log, read = Filled(1), JobServiceReads()
    elsewhere = new_id()
    read.answers[f"/internal/v1/executions/{elsewhere}"] = {"executionId": str(elsewhere)}
    read.down = down

    async def status_of(http: httpx.AsyncClient, execution: UUID) -> int:
        return (await http.get(f"{PATH}/{execution}")).status_code

    async with worker(log, read) as http:
        assert await status_of(http, log.items[0].execution_id) == 200
        assert read.asked == []
        assert await status_of(http, elsewhere) == (503 if down else 200)
        assert await status_of(http, new_id()) == (503 if down else 404)
