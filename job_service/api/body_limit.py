"""Bodies are measured before anything parses them: how large, how slow, how many at once, and whether JSON.

The body of an admitted request is whole when the application sees it.
"""

import asyncio

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from job_service.api.problems import refuse
from shared.runtime.settings import Limits

MAX_BODY_BYTES = 1024 * 1024
MAX_BATCH_BODY_BYTES = 8 * 1024 * 1024
MAX_INTERNAL_BODY_BYTES = 16 * 1024 * 1024

MAX_DRAINED_BYTES = 32 * 1024 * 1024
"""Of a refused body so much is read and thrown away: a client that still sends would not see the answer."""

DRAIN_SECONDS = 5.0


def limit_for(path: str) -> int:
    """Bytes that a request to `path` may have."""
    if is_internal(path):
        return MAX_INTERNAL_BODY_BYTES
    return MAX_BATCH_BODY_BYTES if path == "/api/v1/jobs/batch" else MAX_BODY_BYTES


def is_internal(path: str) -> bool:
    """Whether schedulers and workers call it, and no client."""
    return path.startswith("/internal/")


class _Refused(Exception):
    def __init__(self, status: int, title: str, message: str, *, slug: str) -> None:
        super().__init__(message)
        self.status, self.slug, self.title = status, slug, title


class _Gone(Exception):
    """The client went away."""


class BodyLimit:
    """Reads the body; 413, 408, 415 or 429 before the application sees a byte of it."""

    def __init__(self, app: ASGIApp, *, limits: Limits) -> None:
        self._app = app
        self._limits = limits
        self.buffered = {True: 0, False: 0}
        """Bytes of bodies in memory, of internal calls and of others."""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        internal = is_internal(scope["path"])
        kept: list[int] = []
        try:
            body = await self._read(scope, receive, kept)
            await self._app(scope, _Replay(body, receive), send)
        except _Refused as no:
            await _answer(no, scope, receive, send)
        except _Gone:
            return
        finally:
            self.buffered[internal] -= sum(kept)

    async def _read(self, scope: Scope, receive: Receive, kept: list[int]) -> bytes:
        limit = limit_for(scope["path"])
        headers = dict(scope["headers"])
        declared = headers.get(b"content-length", b"0")
        if declared.isdigit() and int(declared) > limit:
            raise _too_large(limit)
        try:
            async with asyncio.timeout(self._limits.body_timeout):
                body = await self._whole(scope, receive, limit, kept)
        except TimeoutError:
            seconds = f"{self._limits.body_timeout:g} s"
            raise _Refused(
                408,
                "The body came too slowly",
                f"The body did not arrive within {seconds}; send the request again, in one go.",
                slug="request-timeout",
            ) from None
        if body and not _says_json(headers.get(b"content-type", b"")):
            raise _Refused(
                415,
                "The body is not declared as JSON",
                "Send JSON, with the header Content-Type: application/json.",
                slug="unsupported-media",
            )
        return body

    async def _whole(self, scope: Scope, receive: Receive, limit: int, kept: list[int]) -> bytes:
        internal = is_internal(scope["path"])
        chunks: list[bytes] = []
        size = 0
        while True:
            message = await receive()
            if message["type"] != "http.request":
                raise _Gone
            chunk = message.get("body", b"")
            chunks.append(chunk)
            kept.append(len(chunk))
            size += len(chunk)
            self.buffered[internal] += len(chunk)
            if size > limit:
                raise _too_large(limit)
            if self.buffered[internal] > self._limits.body_bytes:
                raise _Refused(
                    503 if internal else 429,
                    "Too many bodies at once",
                    "More bodies are under way than fit; repeat the request after Retry-After seconds.",
                    slug="overloaded",
                )
            if not message.get("more_body"):
                return b"".join(chunks)


def _too_large(limit: int) -> _Refused:
    message = f"The body is larger than {limit} bytes; send less."
    return _Refused(413, "Too large", message, slug="too-large")


def _says_json(content_type: bytes) -> bool:
    kind = content_type.split(b";")[0].strip().lower()
    return kind == b"application/json" or (
        kind.startswith(b"application/") and kind.endswith(b"+json")
    )


class _Replay:
    """Hands the body on once, then whatever else comes (the disconnect)."""

    def __init__(self, body: bytes, receive: Receive) -> None:
        self._body: bytes | None = body
        self._receive = receive

    async def __call__(self) -> Message:
        if self._body is not None:
            body, self._body = self._body, None
            return {"type": "http.request", "body": body, "more_body": False}
        return await self._receive()


async def _answer(no: _Refused, scope: Scope, receive: Receive, send: Send) -> None:
    """Answer; if the body is not all there throw the rest away and close: it is no next request."""
    whole = no.status == 415
    await refuse(
        scope,
        send,
        status=no.status,
        slug=no.slug,
        title=no.title,
        message=str(no),
        close=not whole,
        finish=whole,
    )
    if not whole:
        await _drain(scope, receive)
        await send({"type": "http.response.body", "body": b""})


async def _drain(scope: Scope, receive: Receive) -> None:
    """Not for a client that waits for leave to send (`Expect`), nor for one that sends without end."""
    headers = dict(scope["headers"])
    declared = headers.get(b"content-length", b"0")
    if b"expect" in headers or (declared.isdigit() and int(declared) > MAX_DRAINED_BYTES):
        return
    drained = 0
    try:
        async with asyncio.timeout(DRAIN_SECONDS):
            while drained <= MAX_DRAINED_BYTES:
                message = await receive()
                drained += len(message.get("body", b""))
                if message["type"] != "http.request" or not message.get("more_body"):
                    return
    except TimeoutError:
        return
