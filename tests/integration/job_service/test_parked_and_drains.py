"""Parked records over REST, and workers that are asked to drain."""

import asyncio
import hashlib
from base64 import b64decode, b64encode
from typing import Any
from uuid import uuid4

import pytest

from shared.contracts.nodes import AskCancels
from shared.contracts.reports import ParkedRecord
from tests.support.api import calling, data_of, problem_of
from tests.support.asking import all_items
from tests.support.given import Actors
from tests.support.job_service import Service

PARKED, NODES = "/api/v1/parked-records", "/api/v1/nodes"


def record(
    raw: bytes, *, topic: str = "t", partition: int = 0, offset: int = 0, **fields: Any
) -> ParkedRecord:
    given = {"size": len(raw), "reason": "no JSON", "sha256": hashlib.sha256(raw).hexdigest()}
    return ParkedRecord(
        topic=topic,
        topic_partition=partition,
        record_offset=offset,
        raw=b64encode(raw).decode(),
        **{**given, **fields},
    )


async def test_records_are_listed_by_place_in_pages(service: Service) -> None:
    places = [("a", 0, 2), ("a", 0, 10), ("a", 1, 0), ("b", 0, 5)]
    records = [record(b"x", topic=t, partition=p, offset=o) for t, p, o in reversed(places)]
    await service.stores.parked.park(records)
    async with calling(service) as http:
        found = await all_items(http, PARKED, limit=1)
        of_a = await all_items(http, PARKED, topic="a", topicPartition=0)
    assert [(r["topic"], r["topicPartition"], r["offset"]) for r in found] == places
    assert [r["offset"] for r in of_a] == [2, 10]
    assert "raw" not in found[0]


@pytest.mark.parametrize(
    ("raw", "size", "text"),
    [
        (b"", 0, ""),
        ("grün".encode(), 5, "grün"),
        (b"\xff\x00", 2, None),
        ("grü".encode()[:3], 5, "gr"),
        ("grü".encode()[:3], 3, None),
    ],
    ids=["empty", "text", "no text", "text that was cut", "half a character"],
)
async def test_a_record_is_shown_with_its_bytes(
    service: Service, raw: bytes, size: int, text: str | None
) -> None:
    await service.stores.parked.park([record(raw, topic="my.topic-1", offset=7, size=size)])
    async with calling(service) as http:
        (listed,) = await all_items(http, PARKED)
        whole = data_of(await http.get(f"{PARKED}/{listed['recordId']}"))
    assert {**listed, "raw": whole["raw"], "text": text} == whole
    assert b64decode(whole["raw"]) == raw
    assert (whole["offset"], whole["size"], whole["reason"]) == (7, size, "no JSON")


async def test_a_record_is_dropped_alone_and_once(service: Service) -> None:
    await service.stores.parked.park([record(b"one", offset=1), record(b"two", offset=1)])
    async with calling(service) as http:
        first, second = await all_items(http, PARKED)
        path = f"{PARKED}/{first['recordId']}"
        assert (await http.delete(path)).status_code == 204
        assert await all_items(http, PARKED) == [second]
        problem_of(await http.delete(path), 404, "not-found")
        problem_of(await http.get(path), 404, "not-found")


@pytest.mark.parametrize("name", ["x", "t:0:0", "t:x:0:" + "0" * 64, "t:0:0:" + "0" * 64])
async def test_a_record_that_is_not_there(service: Service, name: str) -> None:
    async with calling(service) as http:
        problem_of(await http.get(f"{PARKED}/{name}"), 404, "not-found")
        problem_of(await http.delete(f"{PARKED}/{name}"), 404, "not-found")


@pytest.mark.parametrize("query", [{"cursor": "made-up"}, {"limit": 0}, {"partition": 1}])
async def test_a_list_of_records_that_does_not_fit(service: Service, query: dict[str, Any]) -> None:
    async with calling(service) as http:
        problem_of(await http.get(PARKED, params=query), 422, "validation")


async def test_a_worker_hears_that_it_is_to_drain_until_it_has_left(actors: Actors) -> None:
    service, ask = actors.service, AskCancels(wait_seconds=20)
    other = await service.worker()
    waiting = asyncio.create_task(service.operations.cancels.ask(actors.worker, ask))
    async with calling(service) as http:
        path = f"{NODES}/{actors.worker}/drain"
        node = data_of(await http.post(path), 202)
        assert (node["nodeId"], node["state"]) == (str(actors.worker), "live")
        assert (await asyncio.wait_for(waiting, 5)).drain
        again = data_of(await http.post(path), 202)
        assert again["drainAskedAt"] == node["drainAskedAt"] is not None
        assert (await service.operations.cancels.ask(actors.worker, ask)).drain
        quick = AskCancels(wait_seconds=0)
        assert not (await service.operations.cancels.ask(other, quick)).drain
        await service.operations.sessions.leave(actors.worker)
        problem_of(await http.post(path), 409, "not-drainable")


async def test_cancels_are_told_to_a_worker_that_drains(actors: Actors) -> None:
    service = actors.service
    lease = await service.leased_one(actors.scheduler, actors.worker)
    await service.operations.drain.drain(actors.worker)
    await service.operations.change.cancel(lease.job_id)
    told = await service.operations.cancels.ask(actors.worker, AskCancels(wait_seconds=0))
    assert ([ref.job_id for ref in told.cancels], told.drain) == ([lease.job_id], True)


async def test_only_a_live_worker_is_asked_to_drain(actors: Actors) -> None:
    async with calling(actors.service) as http:
        problem = problem_of(
            await http.post(f"{NODES}/{actors.scheduler}/drain"), 409, "not-drainable"
        )
        assert "scheduler" in problem["message"]
        problem_of(await http.post(f"{NODES}/{uuid4()}/drain"), 404, "not-found")
        problem_of(await http.post(f"{NODES}/x/drain"), 422, "validation")
