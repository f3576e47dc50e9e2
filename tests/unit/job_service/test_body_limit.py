"""Bodies are measured before anybody parses them (contract.md sections 1 and 2)."""

import asyncio
import json

import pytest
from starlette.types import Message, Receive, Scope, Send

from job_service.api.body_limit import (
    MAX_BATCH_BODY_BYTES,
    MAX_BODY_BYTES,
    MAX_INTERNAL_BODY_BYTES,
    BodyLimit,
    limit_for,
)
from shared.runtime.settings import Limits

CHUNK_BYTES = 64 * 1024
JSON = b"application/json"


class Application:
    """Reads its whole body, as an application does."""

    def __init__(self) -> None:
        self.bodies: list[bytes] = []

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        body, more = b"", True
        while more:
            message = await receive()
            body += message["body"]
            more = message["more_body"]
        self.bodies.append(body)
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": b""})


class Exchange:
    """One request in chunks, with or without a Content-Length, and what was answered."""

    def __init__(
        self, path: str, size: int, *, declared: bytes | None = None, kind: bytes | None = JSON
    ) -> None:
        given = {b"content-length": declared, b"content-type": kind}
        headers = [(name, value) for name, value in given.items() if value is not None]
        self.scope: Scope = {"type": "http", "method": "POST", "path": path, "headers": headers}
        self.sent: list[Message] = []
        self.chunks_read = 0
        self.read_before_the_answer = 0
        self.limits = Limits()
        self._left = size

    async def receive(self) -> Message:
        self.chunks_read += 1
        chunk = min(CHUNK_BYTES, self._left)
        self._left -= chunk
        return {"type": "http.request", "body": b"x" * chunk, "more_body": self._left > 0}

    async def send(self, message: Message) -> None:
        if not self.sent:
            self.read_before_the_answer = self.chunks_read
        self.sent.append(message)

    async def run(self) -> Application:
        application = Application()
        middleware = BodyLimit(application, limits=self.limits)
        await middleware(self.scope, self.receive, self.send)
        assert middleware.buffered == {True: 0, False: 0}
        return application

    @property
    def status(self) -> int:
        status: int = self.sent[0]["status"]
        return status

    @property
    def problem(self) -> dict[str, object]:
        headers = dict(self.sent[0]["headers"])
        assert headers[b"content-type"] == b"application/problem+json"
        body = b"".join(message["body"] for message in self.sent[1:])
        assert headers[b"content-length"] == str(len(body)).encode()
        assert not self.sent[-1].get("more_body")
        problem: dict[str, object] = json.loads(body)
        assert (problem["status"], problem["success"]) == (self.status, False)
        return problem


@pytest.mark.parametrize(
    ("path", "limit"),
    [
        ("/api/v1/jobs", MAX_BODY_BYTES),
        ("/api/v1/jobs/batch", MAX_BATCH_BODY_BYTES),
        ("/api/v1/jobs/batch/x", MAX_BODY_BYTES),
        ("/internal/v1/leases", MAX_INTERNAL_BODY_BYTES),
        ("/", MAX_BODY_BYTES),
    ],
)
def test_each_path_has_its_limit(path: str, limit: int) -> None:
    assert limit_for(path) == limit


@pytest.mark.parametrize("declare", [True, False])
async def test_a_body_as_large_as_allowed_arrives_whole(declare: bool) -> None:
    declared = str(MAX_BODY_BYTES).encode() if declare else None
    exchange = Exchange("/api/v1/jobs", MAX_BODY_BYTES, declared=declared)
    application = await exchange.run()
    assert exchange.status == 200
    assert [len(body) for body in application.bodies] == [MAX_BODY_BYTES]


@pytest.mark.parametrize(
    ("declared", "chunks"),
    [
        (str(MAX_BODY_BYTES + 1).encode(), 0),
        (None, MAX_BODY_BYTES // CHUNK_BYTES + 1),
        (b"5", MAX_BODY_BYTES // CHUNK_BYTES + 1),
        (b"nonsense", MAX_BODY_BYTES // CHUNK_BYTES + 1),
    ],
    ids=["declared", "undeclared", "declared wrongly", "declared as nonsense"],
)
async def test_a_larger_one_is_refused_as_soon_as_that_is_known(
    declared: bytes | None, chunks: int
) -> None:
    """And the rest is thrown away, so that a client that is still sending sees the answer."""
    exchange = Exchange("/api/v1/jobs", 3 * MAX_BODY_BYTES, declared=declared)
    application = await exchange.run()
    assert exchange.status == 413
    assert application.bodies == []
    assert exchange.read_before_the_answer == chunks
    assert exchange.chunks_read == 3 * MAX_BODY_BYTES // CHUNK_BYTES
    assert exchange.problem["type"] == "/problems/too-large"
    assert exchange.problem["instance"] == "/api/v1/jobs"
    assert str(MAX_BODY_BYTES) in str(exchange.problem["message"])
    assert dict(exchange.sent[0]["headers"])[b"connection"] == b"close"


async def test_a_client_that_waits_for_leave_to_send_is_not_read_from() -> None:
    exchange = Exchange("/api/v1/jobs", 3 * MAX_BODY_BYTES, declared=b"3145728")
    exchange.scope["headers"].append((b"expect", b"100-continue"))
    await exchange.run()
    assert (exchange.status, exchange.chunks_read) == (413, 0)


@pytest.mark.parametrize(
    "kind", [None, b"", b"text/plain", b"application/x-www-form-urlencoded", b"application/jsonx"]
)
async def test_a_body_that_is_not_declared_as_json_is_refused(kind: bytes | None) -> None:
    exchange = Exchange("/api/v1/jobs", 10, kind=kind)
    application = await exchange.run()
    assert (exchange.status, application.bodies) == (415, [])
    assert exchange.problem["type"] == "/problems/unsupported-media"


@pytest.mark.parametrize(
    "kind",
    [
        b"application/json; charset=utf-8",
        b"Application/JSON",
        b"application/merge-patch+json",
    ],
)
async def test_json_has_many_names(kind: bytes) -> None:
    exchange = Exchange("/api/v1/jobs", 10, kind=kind)
    await exchange.run()
    assert exchange.status == 200


async def test_no_body_needs_no_name() -> None:
    exchange = Exchange("/api/v1/jobs", 0, kind=None)
    await exchange.run()
    assert exchange.status == 200


async def test_a_body_that_does_not_come_is_given_up() -> None:
    exchange = Exchange("/api/v1/jobs", 10)
    exchange.limits = Limits(body_timeout=0.01)
    never = asyncio.Event()
    first = exchange.receive

    async def stuck() -> Message:
        if exchange.chunks_read == 0:
            return {**await first(), "more_body": True}
        if not exchange.sent:
            await never.wait()
        return {"type": "http.disconnect"}

    exchange.receive = stuck  # type: ignore[method-assign]
    application = await exchange.run()
    assert (exchange.status, application.bodies) == (408, [])
    assert exchange.problem["type"] == "/problems/request-timeout"


@pytest.mark.parametrize(
    ("path", "status"), [("/api/v1/jobs/batch", 429), ("/internal/v1/reports", 503)]
)
async def test_bodies_that_are_too_many_together_are_refused(path: str, status: int) -> None:
    """Each kind has a budget of its own, so that clients leave room for internal calls."""
    limits = Limits()
    middleware = BodyLimit(Application(), limits=limits)
    internal = path.startswith("/internal/")
    middleware.buffered[internal] = limits.body_bytes
    refused, other = Exchange(path, 10), Exchange("/" if internal else "/internal/v1/claims", 10)
    for exchange in (refused, other):
        await middleware(exchange.scope, exchange.receive, exchange.send)
    assert (refused.status, other.status) == (status, 200)
    assert refused.problem["type"] == "/problems/overloaded"
    assert dict(refused.sent[0]["headers"])[b"retry-after"] == b"1"
    assert middleware.buffered == {internal: limits.body_bytes, not internal: 0}


async def test_a_client_that_goes_away_reaches_nobody() -> None:
    exchange = Exchange("/api/v1/jobs", 10)

    async def gone() -> Message:
        return {"type": "http.disconnect"}

    exchange.receive = gone  # type: ignore[method-assign]
    application = await exchange.run()
    assert (application.bodies, exchange.sent) == ([], [])
