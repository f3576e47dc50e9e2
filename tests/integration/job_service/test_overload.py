"""Too much at once, over real connections: refused at once, and schedulers and workers do not notice."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import httpx

from job_service.app import make_app
from shared.contracts.nodes import Renew
from shared.runtime.serve import HttpServer
from shared.runtime.settings import Limits
from tests.support.api import JOBS, a_create, data_of, problem_of
from tests.support.job_service import Service, open_service
from tests.support.waiting import until

POOL_SIZE, RESERVED, WAITERS = 6, 3, 4
SOON_SECONDS = 3.0


@asynccontextmanager
async def served(service: Service, limits: Limits) -> AsyncIterator[httpx.AsyncClient]:
    """A client with connections of its own."""
    app = make_app(service.stores, service.operations, limits)
    server = HttpServer(app, host="127.0.0.1", port=0)
    await server.start()
    url = f"http://127.0.0.1:{server.port}"
    try:
        async with httpx.AsyncClient(base_url=url, trust_env=False, timeout=20) as http:
            yield http
    finally:
        await server.stop()


async def test_a_body_of_five_megabytes_is_answered(service: Service) -> None:
    """The client is still sending when it is refused; it sees the answer all the same."""
    await service.worker()
    big = b'{"name": "' + b"x" * 5_000_000 + b'"}'
    async with served(service, Limits()) as http:
        for path in (JOBS, f"{JOBS}/nowhere", "/nowhere"):
            reply = await http.post(path, content=big, headers={"Content-Type": "application/json"})
            problem_of(reply, 413, "too-large")

        async def chunks() -> AsyncIterator[bytes]:
            for _ in range(100):
                yield b"x" * 50_000

        headers = {"Content-Type": "application/json"}
        problem_of(await http.post(JOBS, content=chunks(), headers=headers), 413, "too-large")
        data_of(await http.post(JOBS, json=a_create()), 201)


async def test_a_body_that_trickles_is_given_up(service: Service) -> None:
    async with served(service, Limits(body_timeout=0.2)) as http:
        reader, writer = await asyncio.open_connection("127.0.0.1", http.base_url.port)
        writer.write(
            f"POST {JOBS} HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n"
            "Content-Length: 100\r\n\r\n{".encode()
        )
        answer = await asyncio.wait_for(reader.readuntil(b"}"), 10)
        assert answer.startswith(b"HTTP/1.1 408 ")
        assert b"/problems/request-timeout" in answer
        writer.close()


async def test_clients_that_wait_for_the_database_leave_room_for_renewals(
    database_url: str,
) -> None:
    """As many public requests as may wait do, the next is refused at once, and a renewal goes through."""
    async with open_service(database_url, pool_size=POOL_SIZE) as service:
        worker = await service.worker()
        job = await service.create_one(in_seconds=1_000)
        share = service.stores.database.public
        share._waiters = WAITERS
        busy = POOL_SIZE - RESERVED
        other = await service.connect()
        async with served(service, Limits()) as http:
            async with other.transaction():
                await other.execute("LOCK TABLE jobs IN ACCESS EXCLUSIVE MODE")
                one = f"{JOBS}/{job.id}"
                waiting = [asyncio.create_task(http.get(one)) for _ in range(busy + WAITERS)]

                async def full() -> bool:
                    return share.waiting == WAITERS

                assert await until(full, what="as many wait as may")
                problem_of(await http.get(one), 429, "overloaded")
                async with asyncio.timeout(SOON_SECONDS):
                    renewal = Renew(slots=1).model_dump_json(by_alias=True)
                    reply = await http.post(
                        f"/internal/v1/nodes/{worker}/renew",
                        content=renewal,
                        headers={"Content-Type": "application/json"},
                    )
                assert reply.status_code == 200
            answers = [(await task).status_code for task in waiting]
        assert set(answers) == {200}
