"""A small TCP proxy for faults between two processes: slow, cut, frozen, or an HTTP reply that
never comes.

    async with HttpProxy(upstream_port=8080) as proxy:
        rule = proxy.drop_reply("/internal/v1/leases", nth=1)
        …  # point the client at proxy.url
        await until(lambda: rule.dropped, what="the reply was dropped")

A test without a loop uses `in_thread(proxy)` instead of `async with`. All of it may be
called from any thread.
"""

import asyncio
import random
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from types import TracebackType
from typing import Self, TypeVar

P = TypeVar("P", bound="TcpProxy")

HOST = "127.0.0.1"
CHUNK_BYTES = 65_536
HEAD_LIMIT_BYTES = 65_536
CONNECT_LIMIT_SECONDS = 5.0
THREAD_LIMIT_SECONDS = 10.0

Streams = tuple[asyncio.StreamReader, asyncio.StreamWriter]


class TcpProxy:
    """Passes bytes both ways.

    `delay_seconds` holds back each chunk in both directions, and a random time up to
    `jitter_seconds` more. `freeze()` and `cut()` hold until `heal()`; `reset()` drops once.
    """

    def __init__(self, *, upstream_port: int, upstream_host: str = HOST) -> None:
        self.delay_seconds = 0.0
        self.jitter_seconds = 0.0
        self.port = 0
        self._refuse = False
        self._flowing = asyncio.Event()
        self._flowing.set()
        self._upstream = (upstream_host, upstream_port)
        self._writers: set[asyncio.StreamWriter] = set()
        self._tasks: set[asyncio.Task[None]] = set()
        self._server: asyncio.Server | None = None
        self._loop: asyncio.AbstractEventLoop | None = None

    @property
    def url(self) -> str:
        """The proxy's address for an HTTP client."""
        return f"http://{HOST}:{self.port}"

    async def __aenter__(self) -> Self:
        """Listen on a free port."""
        self._loop = asyncio.get_running_loop()
        self._server = await asyncio.start_server(self._accepted, HOST, 0, limit=HEAD_LIMIT_BYTES)
        self.port = self._server.sockets[0].getsockname()[1]
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Close everything."""
        assert self._server is not None
        self._server.close()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    def cut(self) -> None:
        """Drop every connection, and every new one, until `heal()`."""
        self._refuse = True
        self._in_loop(self._drop_all)

    def reset(self) -> None:
        """Drop every connection that is open; new ones are served."""
        self._in_loop(self._drop_all)

    def freeze(self) -> None:
        """Accept and pass nothing on until `heal()`, as a stopped process does."""
        self._in_loop(self._flowing.clear)

    def heal(self) -> None:
        """Undo `cut`, `freeze`, `delay_seconds` and `jitter_seconds`."""
        self._refuse = False
        self.delay_seconds = self.jitter_seconds = 0.0
        self._in_loop(self._flowing.set)

    def _in_loop(self, action: Callable[[], None]) -> None:
        assert self._loop is not None, "the proxy was not started"
        self._loop.call_soon_threadsafe(action)

    def _drop_all(self) -> None:
        for writer in self._writers:
            writer.transport.abort()

    def _accepted(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.ensure_future(self._serve_one((reader, writer)))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _serve_one(self, client: Streams) -> None:
        opened = [client[1]]
        self._writers.add(client[1])
        try:
            if self._refuse:
                return
            async with asyncio.timeout(CONNECT_LIMIT_SECONDS):
                upstream = await asyncio.open_connection(*self._upstream, limit=HEAD_LIMIT_BYTES)
            opened.append(upstream[1])
            self._writers.add(upstream[1])
            with suppress(asyncio.IncompleteReadError):
                await self._talk(client, upstream)
        except (OSError, TimeoutError):
            return
        finally:
            for writer in opened:
                self._writers.discard(writer)
                writer.transport.abort() if self._refuse else writer.close()

    async def _talk(self, client: Streams, upstream: Streams) -> None:
        async with asyncio.TaskGroup() as group:
            group.create_task(self._pump(client[0], upstream[1]))
            group.create_task(self._pump(upstream[0], client[1]))

    async def _pump(self, source: asyncio.StreamReader, target: asyncio.StreamWriter) -> None:
        with suppress(OSError):
            while chunk := await source.read(CHUNK_BYTES):
                await self._hold_back()
                target.write(chunk)
                await target.drain()
        with suppress(OSError):
            target.write_eof()

    async def _hold_back(self) -> None:
        if self.delay_seconds or self.jitter_seconds:
            await asyncio.sleep(self.delay_seconds + random.uniform(0.0, self.jitter_seconds))
        await self._flowing.wait()


@dataclass
class DropReply:
    """Replies to drop: of the requests whose path contains `path`, the `nth` and the `times - 1`
    after it."""

    path: str
    nth: int
    times: int
    seen: int = 0
    dropped: int = 0

    def takes(self, path: str) -> bool:
        """Count a request; whether its reply is to be dropped."""
        if self.path not in path:
            return False
        self.seen += 1
        return self.nth <= self.seen < self.nth + self.times


class HttpProxy(TcpProxy):
    """The same for HTTP/1.1, one request after the other on a connection, so that one reply can be
    dropped.

    A dropped reply is read whole from upstream, which has done its work, and the client's
    connection is closed instead of being answered.
    """

    def __init__(self, *, upstream_port: int, upstream_host: str = HOST) -> None:
        super().__init__(upstream_port=upstream_port, upstream_host=upstream_host)
        self._rules: list[DropReply] = []

    def drop_reply(self, path: str, *, nth: int = 1, times: int = 1) -> DropReply:
        """Drop replies from now on; the returned rule counts."""
        rule = DropReply(path, nth, times)
        self._rules.append(rule)
        return rule

    async def _talk(self, client: Streams, upstream: Streams) -> None:
        while True:
            request, path, _ = await _read_message(client[0], is_request=True)
            await self._hold_back()
            upstream[1].write(request)
            await upstream[1].drain()
            reply, _, closes = await _read_message(upstream[0], is_request=False)
            rules = [rule for rule in self._rules if rule.takes(path)]
            if rules:
                for rule in rules:
                    rule.dropped += 1
                return
            await self._hold_back()
            client[1].write(reply)
            await client[1].drain()
            if closes:
                return


async def _read_message(
    reader: asyncio.StreamReader, *, is_request: bool
) -> tuple[bytes, str, bool]:
    """A whole message, the path of a request (else empty), and whether the connection ends after
    it."""
    head = await reader.readuntil(b"\r\n\r\n")
    first, *lines = head.decode("latin-1").split("\r\n")
    headers = {
        name.strip().lower(): value.strip()
        for name, _, value in (line.partition(":") for line in lines if line)
    }
    body = b""
    if headers.get("transfer-encoding", "").lower() == "chunked":
        body = await _read_chunked(reader)
    elif "content-length" in headers:
        body = await reader.readexactly(int(headers["content-length"]))
    path = first.split(" ")[1] if is_request else ""
    return head + body, path, headers.get("connection", "").lower() == "close"


async def _read_chunked(reader: asyncio.StreamReader) -> bytes:
    """The body as it came, sizes included."""
    body = b""
    while True:
        size_line = await reader.readuntil(b"\r\n")
        size = int(size_line.split(b";")[0], 16)
        body += size_line + await reader.readexactly(size + 2)
        if size == 0:
            return body


@contextmanager
def in_thread(proxy: P) -> Iterator[P]:
    """Run the proxy on a loop in a thread of its own."""
    started, end = threading.Event(), asyncio.Event()
    loops: list[asyncio.AbstractEventLoop] = []

    async def run() -> None:
        loops.append(asyncio.get_running_loop())
        async with proxy:
            started.set()
            await end.wait()

    thread = threading.Thread(target=lambda: asyncio.run(run()), name="proxy", daemon=True)
    thread.start()
    try:
        assert started.wait(THREAD_LIMIT_SECONDS), "the proxy did not start"
        yield proxy
    finally:
        loops[0].call_soon_threadsafe(end.set)
        thread.join(THREAD_LIMIT_SECONDS)
