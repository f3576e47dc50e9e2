"""Running a service: one TaskGroup, one HTTP server, signals that ask for a drain.

The first SIGTERM or SIGINT asks the service to end in good order; a second one ends it at once.
"""

import asyncio
import contextlib
import os
import signal
import socket
import sys
from collections.abc import Awaitable, Callable, Iterable, Iterator
from typing import Any

import uvicorn
from uvicorn.protocols.http.httptools_impl import STATUS_LINE, HttpToolsProtocol

from shared.runtime import garbage
from shared.runtime.log import get
from shared.runtime.refusals import refusal

MAX_HEAD_BYTES = 65_536
"""Of a request's line and headers together; one that has not ended by then is refused."""
LOOK_SECONDS = 1.0


class Stop:
    """Set when the process was asked to end."""

    def __init__(self) -> None:
        self._event = asyncio.Event()
        self._signalled = False

    def begin(self) -> None:
        """Begin the end, without being a signal: one that follows is the first."""
        self._event.set()

    def ask(self) -> None:
        """Ask for the end; a second ask ends the process at once."""
        if self._signalled:
            get(__name__).warning("second signal: ending at once")
            sys.stderr.flush()
            os._exit(1)  # not SystemExit: the loop would wait for tasks that do not end
        self._signalled = True
        self._event.set()

    def asked(self) -> bool:
        """Whether the end was asked for."""
        return self._event.is_set()

    async def wait(self) -> None:
        """Wait until it is."""
        await self._event.wait()

    def listen(self) -> None:
        """Turn SIGTERM and SIGINT into `ask()`."""
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, self.ask)

    def listen_as_child(self, lifeline: int) -> None:
        """Be asked for the end by the parent: by SIGTERM, or by the other end of the pipe `lifeline` being
        closed. A supervisor may send SIGTERM to all processes of a group, so one may be told twice."""
        loop = asyncio.get_running_loop()
        loop.add_signal_handler(signal.SIGTERM, self._event.set)

        def closed() -> None:
            loop.remove_reader(lifeline)
            self._event.set()

        loop.add_reader(lifeline, closed)


class _Server(uvicorn.Server):
    """Leaves signals to the service: a drain is more than closing the port. Looks once a second, not ten times,
    whether it is to end; `leave` says so at once."""

    def __init__(self, config: uvicorn.Config) -> None:
        super().__init__(config)
        self._left = asyncio.Event()

    def leave(self) -> None:
        """End the serving."""
        self.should_exit = True
        self._left.set()

    async def main_loop(self) -> None:
        """Each look renews the `Date` of the answers too."""
        while not await self.on_tick(0):
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(LOOK_SECONDS):
                    await self._left.wait()

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Capture none."""
        yield


class _Connection(HttpToolsProtocol):
    """Says what is wrong with a request as every other part of Punctual does: as a problem."""

    _in_head = True
    _heads = 0
    _head_bytes = 0

    def data_received(self, data: bytes) -> None:
        heads = self._heads if self._in_head else -1
        super().data_received(data)
        # All of it belongs to one head where none has ended meanwhile.
        if heads == self._heads and not self.transport.is_closing():
            self._head_bytes += len(data)
            if self._head_bytes > MAX_HEAD_BYTES:
                message = f"Send less than {MAX_HEAD_BYTES} bytes of headers."
                self._refuse(431, "too-large", message)

    def on_headers_complete(self) -> None:
        self._in_head, self._head_bytes = False, 0
        self._heads += 1
        super().on_headers_complete()

    def on_message_complete(self) -> None:
        self._in_head = True
        super().on_message_complete()

    def send_400_response(self, msg: str) -> None:
        self._refuse(
            400, "http", "This is no valid HTTP request; check its first line and headers."
        )

    def _refuse(self, status: int, slug: str, message: str) -> None:
        headers, body = refusal(status, slug, message)
        lines = b"".join(b"%s: %s\r\n" % header for header in headers)
        self.transport.write(STATUS_LINE[status] + lines + b"\r\n" + body)
        self.transport.close()


def bound(host: str, port: int, *, shared: bool = False) -> list[socket.socket]:
    """A socket for each address of `host`, none of which listens yet. Port 0 takes a free one. `shared`: beside
    others that are shared; without it nobody else has the port.

    Raises:
        OSError: an address cannot be bound.
    """
    sockets: list[socket.socket] = []
    try:
        for family, kind, protocol, _, address in socket.getaddrinfo(
            host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
        ):
            sock = socket.socket(family, kind, protocol)
            sockets.append(sock)
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            if family == socket.AF_INET6:
                sock.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
            if shared:
                share([sock])
            taken = port or (sockets[0].getsockname()[1] if len(sockets) > 1 else 0)
            sock.bind((address[0], taken, *address[2:]))
    except OSError:
        for sock in sockets:
            sock.close()
        raise
    return sockets


def share(sockets: Iterable[socket.socket]) -> None:
    """From now on others of this user may bind the same port, shared as well."""
    for sock in sockets:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)


class HttpServer:
    """An ASGI application on a port. Port 0 takes a free one; `port` tells which after `start`. `shared`: other
    processes listen on the same port."""

    MAX_CONNECTIONS = 2_000

    def __init__(self, app: Any, *, host: str, port: int, shared: bool = False) -> None:
        self._app = app
        self._address = (host, port)
        self._shared = shared
        self._server = _Server(
            uvicorn.Config(
                self._serve_request,
                host=host,
                port=port,
                interface="asgi3",
                http=_Connection,
                ws="none",
                log_config=None,
                access_log=False,
                lifespan="off",
                timeout_keep_alive=75,
                timeout_graceful_shutdown=5,
            )
        )
        self._task: asyncio.Task[None] | None = None

    async def _serve_request(self, scope: Any, receive: Any, send: Any) -> None:
        if len(self._server.server_state.connections) <= self.MAX_CONNECTIONS:
            await self._app(scope, receive, send)
            return
        message = "Too many connections are open; repeat the request after Retry-After seconds."
        headers, body = refusal(503, "overloaded", message, scope["path"])
        await send({"type": "http.response.start", "status": 503, "headers": headers})
        await send({"type": "http.response.body", "body": body})

    async def start(self) -> None:
        """Listen; returns once the port accepts.

        Raises:
            OSError: the address cannot be bound.
        """
        self._task = asyncio.create_task(self._serve())
        while not self._server.started:
            if self._task.done():
                self._task.result()
                raise OSError("the HTTP server ended before it listened")
            await asyncio.sleep(0.005)

    async def _serve(self) -> None:
        sockets = bound(*self._address, shared=True) if self._shared else None
        try:
            await self._server.serve(sockets)
        except SystemExit as error:
            raise OSError("the HTTP address cannot be bound") from error

    @property
    def port(self) -> int:
        """The port that is listened on."""
        sock = self._server.servers[0].sockets[0]
        return int(sock.getsockname()[1])

    async def stop(self) -> None:
        """Answer what is under way, then close."""
        self._server.leave()
        if self._task is not None:
            await self._task


def run(main: Callable[[], Awaitable[None]]) -> int:
    """Run a service's main coroutine on uvloop; the process's exit code."""
    import uvloop

    garbage.settle()
    try:
        with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
            runner.run(main())  # type: ignore[arg-type]
    except KeyboardInterrupt:
        return 130
    return 0
