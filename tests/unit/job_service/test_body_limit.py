"""Bodies that are too large are refused before anybody parses them (contract.md section 2)."""

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

CHUNK_BYTES = 64 * 1024


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

    def __init__(self, path: str, size: int, *, declared: bytes | None) -> None:
        headers = [] if declared is None else [(b"content-length", declared)]
        self.scope: Scope = {"type": "http", "path": path, "headers": headers}
        self.sent: list[Message] = []
        self.chunks_read = 0
        self._left = size

    async def receive(self) -> Message:
        self.chunks_read += 1
        chunk = min(CHUNK_BYTES, self._left)
        self._left -= chunk
        return {"type": "http.request", "body": b"x" * chunk, "more_body": self._left > 0}

    async def send(self, message: Message) -> None:
        self.sent.append(message)

    async def run(self) -> Application:
        application = Application()
        await BodyLimit(application)(self.scope, self.receive, self.send)
        return application

    @property
    def status(self) -> int:
        status: int = self.sent[0]["status"]
        return status


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
    exchange = Exchange("/api/v1/jobs", 3 * MAX_BODY_BYTES, declared=declared)
    application = await exchange.run()
    assert exchange.status == 413
    assert application.bodies == []
    assert exchange.chunks_read == chunks
    headers = dict(exchange.sent[0]["headers"])
    assert headers[b"content-type"] == b"application/problem+json"
    problem = json.loads(exchange.sent[1]["body"])
    assert (problem["status"], problem["type"]) == (413, "/problems/too-large")
    assert problem["instance"] == "/api/v1/jobs"
    assert not problem["success"]
    assert str(MAX_BODY_BYTES) in problem["message"]


async def test_a_client_that_goes_away_reaches_nobody() -> None:
    exchange = Exchange("/api/v1/jobs", 10, declared=None)

    async def gone() -> Message:
        return {"type": "http.disconnect"}

    exchange.receive = gone  # type: ignore[method-assign]
    application = await exchange.run()
    assert (application.bodies, exchange.sent) == ([], [])
