"""Counts statements and round trips to PostgreSQL on the wire: a proxy that reads what the client says."""

import asyncio
from types import TracebackType
from typing import Self

HOST = "127.0.0.1"
CHUNK_BYTES = 65_536
LENGTH_BYTES = 4
STARTUP = 196_608
"""The protocol's version 3.0, as a start-up message names it. What comes before has another number."""

QUERY, EXECUTE, SYNC = b"Q", b"E", b"S"
FRAMES = (b"BEGIN", b"COMMIT", b"ROLLBACK")
"""How a simple query begins that opens or ends a transaction; it is no statement of ours."""


class Wire:
    """Passes bytes both ways on a free port.

    `statements` counts what is executed, without BEGIN and COMMIT; `round_trips` counts the messages that the
    client waits for an answer to, those of BEGIN and COMMIT included.
    """

    def __init__(self, *, upstream_host: str, upstream_port: int) -> None:
        self.statements = 0
        self.round_trips = 0
        self.port = 0
        self._upstream = (upstream_host, upstream_port)
        self._tasks: set[asyncio.Task[None]] = set()
        self._server: asyncio.Server | None = None

    async def __aenter__(self) -> Self:
        self._server = await asyncio.start_server(self._accepted, HOST, 0)
        self.port = self._server.sockets[0].getsockname()[1]
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        assert self._server is not None
        self._server.close()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    def _accepted(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.ensure_future(self._serve(reader, writer))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        from_server, to_server = await asyncio.open_connection(*self._upstream)
        back = asyncio.ensure_future(self._pass_back(from_server, writer))
        try:
            await self._ask(reader, to_server)
        except (asyncio.IncompleteReadError, ConnectionError):
            return
        finally:
            back.cancel()
            to_server.close()
            writer.close()

    async def _ask(self, reader: asyncio.StreamReader, to_server: asyncio.StreamWriter) -> None:
        """Pass messages on, one by one: those before and with the start-up have no letter in front."""
        started = False
        while True:
            letter = await reader.readexactly(1) if started else b""
            length = await reader.readexactly(LENGTH_BYTES)
            body = await reader.readexactly(int.from_bytes(length) - LENGTH_BYTES)
            framing = letter == QUERY and body.lstrip().upper().startswith(FRAMES)
            self.statements += letter in {QUERY, EXECUTE} and not framing
            self.round_trips += letter in {QUERY, SYNC}
            started = started or int.from_bytes(body[:LENGTH_BYTES]) == STARTUP
            to_server.write(letter + length + body)
            await to_server.drain()

    @staticmethod
    async def _pass_back(from_server: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while chunk := await from_server.read(CHUNK_BYTES):
            writer.write(chunk)
            await writer.drain()
        writer.close()
