"""POST over kept HTTP/1.1 connections, for the calls between our own processes.

They are made thousands of times a second, and httpx takes longer for each than the server does (ADR 0011).
"""

import asyncio
import ssl
import time
from collections.abc import Mapping
from urllib.parse import urlsplit

from httptools import HttpParserError, HttpResponseParser

READ_BYTES = 262_144
IDLE_MOST = 4
"""Connections kept while nobody uses them."""
IDLE_SECONDS = 30.0
"""For this long; the servers hang up after 75 s (`shared.runtime.serve`). A call that met a server hanging up
would have no answer, and must not be sent again by itself: a claim that is repeated has another seq (R8)."""


class BrokenAnswer(Exception):
    """What came back is no HTTP, or ended before it was whole."""


class KeptHttp:
    """A client of one server. Any number of calls may be under way; each has a connection of its own."""

    def __init__(self, base_url: str) -> None:
        parts = urlsplit(base_url)
        if parts.scheme not in {"http", "https"} or not parts.hostname:
            raise ValueError(f"no address of a server: {base_url!r}")
        self._host = parts.hostname
        self._port = parts.port or (443 if parts.scheme == "https" else 80)
        self._tls = ssl.create_default_context() if parts.scheme == "https" else None
        self._netloc = parts.netloc.rpartition("@")[2]
        self._prefix = parts.path.rstrip("/")
        self._idle: list[_Connection] = []

    async def post(self, path: str, body: bytes, headers: Mapping[str, str]) -> tuple[int, bytes]:
        """Send JSON; status and body of the answer. A cancelled call closes its connection.

        Raises:
            OSError: no connection, or it broke.
            BrokenAnswer: no answer that can be read.
        """
        lines = [
            f"POST {self._prefix}{path} HTTP/1.1",
            f"host: {self._netloc}",
            "content-type: application/json",
            f"content-length: {len(body)}",
            *(f"{name}: {value}" for name, value in headers.items()),
        ]
        request = "\r\n".join([*lines, "\r\n"]).encode("latin-1") + body
        connection = self._take() or await self._connect()
        try:
            answer = await connection.exchange(request)
        except BaseException:
            connection.abort()
            raise
        if answer.keep and len(self._idle) < IDLE_MOST:
            connection.idle_since = time.monotonic()
            self._idle.append(connection)
        else:
            connection.abort()
        return answer.status, bytes(answer.body)

    def close(self) -> None:
        """Close the connections that nobody uses."""
        while self._idle:
            self._idle.pop().abort()

    def _take(self) -> "_Connection | None":
        while self._idle:
            connection = self._idle.pop()
            if connection.usable():
                return connection
            connection.abort()
        return None

    async def _connect(self) -> "_Connection":
        streams = await asyncio.open_connection(self._host, self._port, ssl=self._tls)
        return _Connection(*streams)


class _Answer:
    """What the parser calls back."""

    def __init__(self) -> None:
        self.body = bytearray()
        self.complete = False
        self.status = 0
        self.keep = False
        self.parser = HttpResponseParser(self)

    def on_body(self, data: bytes) -> None:
        self.body += data

    def on_message_complete(self) -> None:
        self.status = self.parser.get_status_code()
        self.keep = self.parser.should_keep_alive()
        self.complete = self.status >= 200  # what comes before is no answer yet


class _Connection:
    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader = reader
        self._writer = writer
        self.idle_since = 0.0

    def usable(self) -> bool:
        """Whether the server has not hung up, as far as is known, and will not soon."""
        if self._reader.at_eof() or self._writer.is_closing():
            return False
        return time.monotonic() - self.idle_since < IDLE_SECONDS

    def abort(self) -> None:
        self._writer.transport.abort()

    async def exchange(self, request: bytes) -> _Answer:
        self._writer.write(request)
        await self._writer.drain()
        answer = _Answer()
        try:
            while not answer.complete:
                data = await self._reader.read(READ_BYTES)
                if not data:
                    raise BrokenAnswer("the connection was closed before the answer was whole")
                answer.parser.feed_data(data)
        except HttpParserError as error:
            raise BrokenAnswer(repr(error)) from error
        finally:
            # The two hold each other: the body would stay until the next look for cyclic garbage.
            del answer.parser
        return answer
