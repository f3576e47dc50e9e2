"""The effect sink: a small HTTP server outside of Punctual that records every effect that arrived.

`POST /fenced/<job>/<attempt>` keeps the highest token that it has seen for each job, refuses a lower one (409)
and applies each key once (200, then 208). `POST /bare/<job>/<attempt>` applies whatever comes.
"""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress

from tests.chaos.harness.journal import Journal

APPLIED, REPEATED, STALE = 200, 208, 409
_REPLY = "HTTP/1.1 {} x\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"


class Effects:
    """Where effects arrive. It forgets nothing for as long as it lives."""

    def __init__(self, journal: Journal) -> None:
        self.port = 0
        self._journal = journal
        self._highest: dict[str, int] = {}
        self._applied: set[str] = set()

    def take(self, path: str, job: str, token: int, key: str) -> int:
        """Judge and record one effect; the status to answer."""
        status = self._fence(job, token, key) if path == "fenced" else APPLIED
        self._journal.note("arrived", path=path, job=job, attempt=token, key=key, status=status)
        return status

    def _fence(self, job: str, token: int, key: str) -> int:
        if token < self._highest.get(job, 0):
            return STALE
        self._highest[job] = token
        if key in self._applied:
            return REPEATED
        self._applied.add(key)
        return APPLIED

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """One request on one connection."""
        # A worker that was killed leaves half a request behind: nothing arrived.
        with suppress(OSError, asyncio.IncompleteReadError):
            head = (await reader.readuntil(b"\r\n\r\n")).decode()
            first, *lines = head.split("\r\n")
            _, path, job, _ = first.split(" ")[1].split("/")
            headers = {n.lower(): v.strip() for n, _, v in (line.partition(":") for line in lines)}
            token = int(headers["fencing-token"].rpartition(".")[2])
            status = self.take(path, job, token, headers["idempotency-key"])
            writer.write(_REPLY.format(status).encode())
            await writer.drain()
        writer.close()


@asynccontextmanager
async def listening_effects(journal: Journal) -> AsyncIterator[Effects]:
    """A sink on a free port of 127.0.0.1."""
    effects = Effects(journal)
    server = await asyncio.start_server(effects.serve, "127.0.0.1", 0)
    effects.port = server.sockets[0].getsockname()[1]
    try:
        yield effects
    finally:
        server.close()
