"""The test house itself: fresh databases, topics that are there, a proxy that obeys."""

import asyncio
import http.client
from collections.abc import AsyncIterator

import asyncpg
import httpx
import pytest
from aiokafka.admin import AIOKafkaAdminClient

from shared.kafka.options import admin_options
from shared.runtime.settings import Kafka
from tests.support.proxy import HttpProxy, in_thread


@pytest.mark.parametrize("round_number", [1, 2])
async def test_each_test_has_an_empty_migrated_database(
    database_url: str, round_number: int
) -> None:
    connection = await asyncpg.connect(database_url, timeout=10)
    try:
        assert await connection.fetchval("SELECT count(*) FROM jobs") == 0
        await connection.execute("CREATE TABLE mine ()")
    finally:
        await connection.close()


async def test_the_topic_of_a_test_has_twelve_topic_partitions(
    kafka_settings: Kafka, topic: str
) -> None:
    admin = AIOKafkaAdminClient(**admin_options(kafka_settings))
    async with asyncio.timeout(10):
        await admin.start()
        try:
            described = await admin.describe_topics([topic])
        finally:
            await admin.close()
    assert len(described[0]["partitions"]) == 12


class Upstream:
    """Answers every request with how many it has seen."""

    def __init__(self) -> None:
        self.seen: list[str] = []
        self.port = 0

    async def answer(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while head := await reader.readuntil(b"\r\n\r\n"):
            self.seen.append(head.decode().split(" ")[1])
            body = str(len(self.seen)).encode()
            writer.write(b"HTTP/1.1 200 OK\r\ncontent-length: %d\r\n\r\n%s" % (len(body), body))


@pytest.fixture
async def upstream() -> AsyncIterator[Upstream]:
    server = Upstream()
    listener = await asyncio.start_server(server.answer, "127.0.0.1", 0)
    server.port = listener.sockets[0].getsockname()[1]
    yield server
    listener.close()


async def test_the_proxy_drops_the_nth_reply_after_the_work_was_done(upstream: Upstream) -> None:
    async with HttpProxy(upstream_port=upstream.port) as proxy:
        rule = proxy.drop_reply("/leases", nth=2)
        async with httpx.AsyncClient(base_url=proxy.url, timeout=5, trust_env=False) as client:
            assert (await client.get("/leases")).text == "1"
            with pytest.raises(httpx.RemoteProtocolError):
                await client.get("/leases")
            assert (await client.get("/leases")).text == "3"
            assert (await client.get("/other")).text == "4"
        assert rule.dropped == 1
        assert upstream.seen == ["/leases", "/leases", "/leases", "/other"]


async def test_the_proxy_cuts_freezes_and_heals(upstream: Upstream) -> None:
    async with (
        HttpProxy(upstream_port=upstream.port) as proxy,
        httpx.AsyncClient(base_url=proxy.url, timeout=5, trust_env=False) as client,
    ):
        proxy.cut()
        with pytest.raises(httpx.TransportError):
            await client.get("/a")
        proxy.heal()
        assert (await client.get("/b")).text == "1"
        proxy.freeze()
        with pytest.raises(httpx.TimeoutException):
            await client.get("/c", timeout=0.2)
        assert upstream.seen == ["/b"]
        proxy.heal()
        assert (await client.get("/d")).text in "23"


async def test_the_proxy_runs_in_a_thread(upstream: Upstream) -> None:
    def ask(port: int) -> bytes:
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=5)
        connection.request("GET", "/")
        return connection.getresponse().read()

    with in_thread(HttpProxy(upstream_port=upstream.port)) as proxy:
        assert await asyncio.to_thread(ask, proxy.port) == b"1"
