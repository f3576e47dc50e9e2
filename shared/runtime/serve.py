"""Running a service: one TaskGroup, one HTTP server, signals that ask for a drain.

The first SIGTERM or SIGINT asks the service to end in good order; a second one ends it at once.
"""

import asyncio
import os
import signal
import sys
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from typing import Any

import uvicorn

from shared.runtime.log import get


class Stop:
    """Set when the process was asked to end."""

    def __init__(self) -> None:
        self._event = asyncio.Event()

    def ask(self) -> None:
        """Ask for the end; a second ask ends the process at once."""
        if self._event.is_set():
            get(__name__).warning("second signal: ending at once")
            sys.stderr.flush()
            os._exit(1)  # not SystemExit: the loop would wait for tasks that do not end
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


class _Server(uvicorn.Server):
    """Leaves signals to the service: a drain is more than closing the port."""

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Capture none."""
        yield


class HttpServer:
    """An ASGI application on a port. Port 0 takes a free one; `port` tells which after `start`."""

    MAX_CONNECTIONS = 2_000

    def __init__(self, app: Any, *, host: str, port: int) -> None:
        self._server = _Server(
            uvicorn.Config(
                app,
                host=host,
                port=port,
                log_config=None,
                access_log=False,
                lifespan="off",
                limit_concurrency=self.MAX_CONNECTIONS,
                timeout_keep_alive=75,
                timeout_graceful_shutdown=5,
            )
        )
        self._task: asyncio.Task[None] | None = None

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
        try:
            await self._server.serve()
        except SystemExit as error:
            raise OSError("the HTTP address cannot be bound") from error

    @property
    def port(self) -> int:
        """The port that is listened on."""
        sock = self._server.servers[0].sockets[0]
        return int(sock.getsockname()[1])

    async def stop(self) -> None:
        """Answer what is under way, then close."""
        self._server.should_exit = True
        if self._task is not None:
            await self._task


def run(main: Callable[[], Awaitable[None]]) -> int:
    """Run a service's main coroutine on uvloop; the process's exit code."""
    import uvloop

    try:
        with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
            runner.run(main())  # type: ignore[arg-type]
    except KeyboardInterrupt:
        return 130
    return 0
