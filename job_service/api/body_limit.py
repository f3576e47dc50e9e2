"""Bodies are measured before anything parses them."""

import json

from starlette.types import ASGIApp, Message, Receive, Scope, Send

MAX_BODY_BYTES = 1024 * 1024
MAX_BATCH_BODY_BYTES = 8 * 1024 * 1024
MAX_INTERNAL_BODY_BYTES = 16 * 1024 * 1024


def limit_for(path: str) -> int:
    """Bytes that a request to `path` may have."""
    if path.startswith("/internal/"):
        return MAX_INTERNAL_BODY_BYTES
    return MAX_BATCH_BODY_BYTES if path == "/api/v1/jobs/batch" else MAX_BODY_BYTES


class BodyLimit:
    """Reads the body up to its limit; answers 413 beyond, before the application sees a byte."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        limit = limit_for(scope["path"])
        declared = dict(scope["headers"]).get(b"content-length", b"0")
        if declared.isdigit() and int(declared) > limit:
            await _refuse(scope, send, limit)
            return
        chunks: list[bytes] = []
        size = 0
        while True:
            message = await receive()
            if message["type"] != "http.request":
                return
            chunks.append(message.get("body", b""))
            size += len(chunks[-1])
            if size > limit:
                await _refuse(scope, send, limit)
                return
            if not message.get("more_body"):
                break
        await self._app(scope, _Replay(b"".join(chunks), receive), send)


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


async def _refuse(scope: Scope, send: Send, limit: int) -> None:
    message = f"The body is larger than {limit} bytes; send less."
    body = json.dumps(
        {
            "success": False,
            "message": message,
            "type": "/problems/too-large",
            "title": "Too large",
            "status": 413,
            "detail": message,
            "instance": scope["path"],
        }
    ).encode()
    headers = [(b"content-type", b"application/problem+json"), (b"connection", b"close")]
    await send({"type": "http.response.start", "status": 413, "headers": headers})
    await send({"type": "http.response.body", "body": body})
