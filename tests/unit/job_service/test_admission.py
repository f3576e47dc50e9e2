"""So many requests are in work at once, and more are refused at once."""

import asyncio
import json

import pytest
from starlette.types import Message, Receive, Scope, Send

from job_service.api.admission import Admission
from job_service.operations.lane import public_work
from shared.runtime.settings import Limits

PUBLIC, INTERNAL = "/api/v1/jobs", "/internal/v1/leases"


class Slow:
    """Answers once it is let go, and notes whose work it was."""

    def __init__(self) -> None:
        self.go = asyncio.Event()
        self.public: list[bool] = []

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        self.public.append(public_work.get())
        await self.go.wait()
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": b""})


class Crowd:
    """Requests to one process that takes two of each kind."""

    def __init__(self) -> None:
        self.application = Slow()
        self.admission = Admission(
            self.application, limits=Limits(public_requests=2, internal_requests=2)
        )

    async def request(self, path: str) -> list[Message]:
        sent: list[Message] = []

        async def receive() -> Message:
            return {"type": "http.request", "body": b"", "more_body": False}

        async def send(message: Message) -> None:
            sent.append(message)

        scope: Scope = {"type": "http", "method": "GET", "path": path, "headers": []}
        await self.admission(scope, receive, send)
        return sent

    async def begin(self, path: str, count: int) -> list[asyncio.Task[list[Message]]]:
        tasks = [asyncio.create_task(self.request(path)) for _ in range(count)]
        await asyncio.sleep(0)
        return tasks


@pytest.mark.parametrize(("path", "status"), [(PUBLIC, 429), (INTERNAL, 503)])
async def test_the_third_is_refused_at_once(path: str, status: int) -> None:
    crowd = Crowd()
    waiting = await crowd.begin(path, 2)
    start, body = await crowd.request(path)
    assert start["status"] == status
    assert dict(start["headers"])[b"retry-after"] == b"1"
    assert json.loads(body["body"])["type"] == "/problems/overloaded"
    crowd.application.go.set()
    assert [(await task)[0]["status"] for task in waiting] == [200, 200]
    assert (await crowd.request(path))[0]["status"] == 200


async def test_a_crowd_of_clients_leaves_room_for_internal_calls_and_probes() -> None:
    crowd = Crowd()
    await crowd.begin(PUBLIC, 3)
    others = [*await crowd.begin(INTERNAL, 2), *await crowd.begin("/readyz", 3)]
    crowd.application.go.set()
    assert [(await task)[0]["status"] for task in others] == [200] * 5


async def test_the_work_is_marked_as_a_clients() -> None:
    crowd = Crowd()
    crowd.application.go.set()
    for path in (PUBLIC, INTERNAL, "/readyz"):
        await crowd.request(path)
    assert crowd.application.public == [True, False, False]
    assert not public_work.get()


async def test_a_request_that_fails_gives_its_place_back() -> None:
    crowd = Crowd()
    for task in await crowd.begin(PUBLIC, 2):
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
    assert crowd.admission.in_work == {True: 0, False: 0}
