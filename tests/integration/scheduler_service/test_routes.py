"""A scheduler's own endpoints, on a real job_service and a real broker: alive, ready, a round by
hand, problems."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import httpx
import pytest

from job_service.domain.job import Job
from punctual.local.ports import HOST, any_free
from scheduler_service.app import SchedulerApp
from scheduler_service.settings import SchedulerSettings
from shared.contracts.dispatch import decode
from shared.runtime.serve import Stop
from shared.runtime.settings import JobServiceAddress, Kafka, Scheduler
from tests.support import topics
from tests.support.job_service import Service, open_service
from tests.support.proxy import HttpProxy
from tests.support.serving import serving
from tests.support.waiting import until

LATER_SECONDS = 30.0
"""Within the look-ahead of `open_service`, so that it is claimed and held."""
READY_WITHIN_SECONDS = 20.0
HTTP_LIMIT_SECONDS = 10.0
SCAN = "/api/v1/scheduler/scan"


@pytest.fixture
async def service(database_url: str) -> AsyncIterator[Service]:
    """A replica that creates jobs and that the scheduler does not hear: nothing wakes its
    long-poll."""
    async with open_service(database_url) as service:
        await service.worker()
        yield service


@pytest.fixture
async def proxy(database_url: str) -> AsyncIterator[HttpProxy]:
    """The way to the job_service that the scheduler asks."""
    async with (
        open_service(database_url) as asked,
        serving(asked) as port,
        HttpProxy(upstream_port=port) as proxy,
    ):
        yield proxy


@asynccontextmanager
async def scheduler(kafka: Kafka, proxy: HttpProxy) -> AsyncIterator[httpx.AsyncClient]:
    """A client of a scheduler that runs for as long as the block lasts."""
    port = any_free()
    settings = SchedulerSettings(
        kafka=kafka,
        job_service=JobServiceAddress(url=proxy.url),
        scheduler=Scheduler(host=HOST, port=port),
    )
    stop = Stop()
    async with asyncio.TaskGroup() as group:
        group.create_task(SchedulerApp(settings, group).run(stop))
        try:
            async with httpx.AsyncClient(
                base_url=f"http://{HOST}:{port}", timeout=HTTP_LIMIT_SECONDS, trust_env=False
            ) as http:
                await until(lambda: _answers(http), what="the scheduler listens")
                yield http
        finally:
            stop.ask()


@pytest.fixture
async def http(
    kafka_settings: Kafka, topic: str, proxy: HttpProxy, service: Service
) -> AsyncIterator[httpx.AsyncClient]:
    """A client of a scheduler that is ready."""
    async with scheduler(kafka_settings, proxy) as http:
        await _until_ready(http)
        yield http


async def test_it_is_alive_and_ready_and_leaves_in_good_order(
    kafka_settings: Kafka, proxy: HttpProxy, service: Service
) -> None:
    """It makes the topic itself."""
    async with scheduler(kafka_settings, proxy) as http:
        alive = await http.get("/livez")
        assert (alive.status_code, alive.json()["message"]) == (200, "alive")
        await _until_ready(http)
        said = (await http.get("/readyz")).json()
        assert said == {"success": True, "message": "ready", "data": None}
        data = (await http.get("/version")).json()["data"]
        assert data["service"] == "scheduler_service"
        assert SCAN in (await http.get("/openapi.json")).json()["paths"]
        assert (await http.get("/swagger-ui.html")).status_code == 200
    nodes = await service.raw.fetch("SELECT state, death FROM nodes WHERE role = 'scheduler'")
    assert [tuple(node) for node in nodes] == [("dead", "left")]


async def test_a_scan_claims_and_publishes_what_is_due(
    http: httpx.AsyncClient, kafka_settings: Kafka, service: Service
) -> None:
    """What the loop finds first does not count for the scan: then it is tried with another job."""
    jobs: list[Job] = []

    async def of_a_new_job() -> dict[str, Any] | None:
        jobs.append(await service.create_one())
        data: dict[str, int] = (await _scan(http))["data"]
        return data if data["claimed"] else None

    counts = await until(of_a_new_job, what="a scan that comes before the loop")
    assert counts == {"claimed": 1, "published": 1}
    on_topic = (await topics.records(kafka_settings)).values()
    assert sorted(decode(record.value).job_id for record in on_topic) == [job.id for job in jobs]
    again = await _scan(http)
    assert again["data"] == {"claimed": 0, "published": 0}
    assert (again["success"], again["message"]) == (True, "0 claimed, 0 published")


async def test_a_scan_publishes_nothing_before_its_time(
    http: httpx.AsyncClient, kafka_settings: Kafka, service: Service
) -> None:
    async def of_a_new_job() -> dict[str, Any] | None:
        await service.create_one(in_seconds=LATER_SECONDS)
        data: dict[str, int] = (await _scan(http))["data"]
        return data if data["claimed"] else None

    counts = await until(of_a_new_job, what="a scan that comes before the loop")
    assert counts == {"claimed": 1, "published": 0}
    assert await topics.records(kafka_settings) == {}


async def test_without_job_service_it_is_not_ready_and_does_not_scan(
    http: httpx.AsyncClient, proxy: HttpProxy
) -> None:
    proxy.cut()
    await until(lambda: _status(http, 503), what="not ready")
    ready = await http.get("/readyz")
    assert "job_service is away" in ready.json()["message"]
    _assert_problem(ready, 503, "unavailable", "/readyz")
    scan = await http.post(SCAN)
    assert "job_service is away" in scan.json()["message"]
    _assert_problem(scan, 503, "unavailable", SCAN)
    assert (ready.headers["retry-after"], scan.headers["retry-after"]) == ("1", "1")
    assert (await http.get("/livez")).status_code == 200
    proxy.heal()
    await _until_ready(http)
    assert (await _scan(http))["data"]["claimed"] == 0


async def test_without_a_broker_it_is_not_ready_and_holds_what_it_claims(
    proxy: HttpProxy, service: Service
) -> None:
    nowhere = f"{HOST}:{any_free()}"
    async with scheduler(Kafka(bootstrap=nowhere), proxy) as http:

        async def only_the_broker_is_away() -> bool:
            said = (await http.get("/readyz")).json()["message"]
            return bool(said == f"kafka is away: no broker answers at {nowhere}")

        await until(only_the_broker_is_away, what="job_service there, the broker away")
        job = await service.create_one()

        async def claimed() -> bool:
            assert (await _scan(http))["data"]["published"] == 0
            return await service.row("inflight", job.id) is not None

        await until(claimed, what="the job claimed")


async def test_what_is_not_there_is_a_problem(http: httpx.AsyncClient) -> None:
    _assert_problem(await http.get("/nowhere"), 404, "not-found", "/nowhere")
    refused = await http.get(SCAN)
    _assert_problem(refused, 405, "method-not-allowed", SCAN)
    assert refused.headers["allow"] == "POST"


def _assert_problem(response: httpx.Response, status: int, slug: str, instance: str) -> None:
    assert response.status_code == status
    assert response.headers["content-type"] == "application/problem+json"
    said = response.json()
    assert said["success"] is False
    assert said["message"] == said["detail"] != ""
    assert (said["type"], said["status"]) == (f"/problems/{slug}", status)
    assert said["instance"] == instance
    assert said["title"]


async def _scan(http: httpx.AsyncClient) -> dict[str, Any]:
    response = await http.post(SCAN)
    assert response.status_code == 200, response.text
    said: dict[str, Any] = response.json()
    return said


async def _until_ready(http: httpx.AsyncClient) -> None:
    await until(lambda: _status(http, 200), within=READY_WITHIN_SECONDS, what="ready")


async def _status(http: httpx.AsyncClient, status: int) -> bool:
    return (await http.get("/readyz")).status_code == status


async def _answers(http: httpx.AsyncClient) -> bool:
    try:
        return (await http.get("/livez")).status_code == 200
    except httpx.TransportError:
        return False
