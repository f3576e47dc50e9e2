"""A proxy that reads the messages of a PostgreSQL client, so that a connection can be cut at a given one.

A cut reply: the message goes on to the server, which does its work, and both connections end before anything
of its answer reaches the client. That makes a commit whose outcome is unknown.
"""

import asyncio
import struct
from contextlib import suppress
from dataclasses import dataclass

from tests.support.proxy import CHUNK_BYTES, Streams, TcpProxy

SYNC, QUERY = b"S", b"Q"
_LENGTH = struct.Struct(">i")
_CODE = struct.Struct(">ii")
_ASKS_FOR_ENCRYPTION = {80_877_103, 80_877_104}
"""The codes of SSLRequest and GSSENCRequest: another start-up message follows."""


@dataclass
class CutReply:
    """Messages of one type that contain `text`; the next `times` of them are cut. `before`: not even sent."""

    type: bytes
    text: bytes
    times: int
    before: bool = False
    cut: int = 0

    def takes(self, kind: bytes, body: bytes) -> bool:
        """Whether this message is to be cut; counts it then."""
        if self.cut >= self.times or kind != self.type or self.text not in body:
            return False
        self.cut += 1
        return True


class PostgresProxy(TcpProxy):
    """Passes the messages of clients on one by one."""

    def __init__(self, *, upstream_port: int) -> None:
        super().__init__(upstream_port=upstream_port)
        self._rules: list[CutReply] = []

    def cut_reply(
        self, *, kind: bytes = QUERY, text: bytes = b"", times: int = 1, before: bool = False
    ) -> CutReply:
        """Cut from now on; the returned rule counts."""
        rule = CutReply(kind, text, times, before)
        self._rules = [r for r in self._rules if r.cut < r.times]
        self._rules.append(rule)
        return rule

    async def _talk(self, client: Streams, upstream: Streams) -> None:
        doomed = asyncio.Event()
        async with asyncio.TaskGroup() as group:
            group.create_task(self._from_client(client, upstream, doomed))
            group.create_task(self._from_server(client, upstream, doomed))

    async def _from_client(self, client: Streams, upstream: Streams, doomed: asyncio.Event) -> None:
        with suppress(OSError, asyncio.IncompleteReadError):
            await self._pass_start(client[0], upstream[1])
            while True:
                head = await client[0].readexactly(5)
                (length,) = _LENGTH.unpack(head[1:])
                body = await client[0].readexactly(length - _LENGTH.size)
                await self._hold_back()
                rule = next((r for r in self._rules if r.takes(head[:1], body)), None)
                if rule is not None and rule.before:
                    client[1].transport.abort()
                    upstream[1].transport.abort()
                    return
                if rule is not None:
                    doomed.set()
                upstream[1].write(head + body)
                await upstream[1].drain()
        with suppress(OSError):
            upstream[1].write_eof()

    async def _pass_start(self, reader: asyncio.StreamReader, target: asyncio.StreamWriter) -> None:
        """The messages before the first with a type."""
        code = 0
        while code == 0 or code in _ASKS_FOR_ENCRYPTION:
            head = await reader.readexactly(_CODE.size)
            length, code = _CODE.unpack(head)
            target.write(head + await reader.readexactly(length - _CODE.size))
            await target.drain()

    async def _from_server(self, client: Streams, upstream: Streams, doomed: asyncio.Event) -> None:
        with suppress(OSError):
            while chunk := await upstream[0].read(CHUNK_BYTES):
                if doomed.is_set():
                    break
                await self._hold_back()
                client[1].write(chunk)
                await client[1].drain()
        client[1].transport.abort()
        upstream[1].transport.abort()
