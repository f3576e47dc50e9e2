"""What stands in front of the mock cluster, so that clients need not know that it is one.

- The mock cluster takes a port of its own choice; here is the one that was asked for.
- It answers an empty fetch only after the whole wait that the client asked for, even when a record comes
  meanwhile. The wait is shortened.
- It answers a group as soon as the leader has handed out the shares, and forgets those of members that
  have not asked yet. The leader's request is held back until all others have asked.
"""

import asyncio
import struct
from collections import defaultdict
from collections.abc import Coroutine
from contextlib import suppress
from typing import Any

from punctual.local.kafka_frames import (
    FETCH,
    SYNC_GROUP,
    FrameProblem,
    SyncGroup,
    call_of,
    read_sync_group,
    shorten_wait,
)

LARGEST_FRAME_BYTES = 16 * 1024 * 1024
FETCH_WAIT_MS = 25
FOLLOWERS_LIMIT_SECONDS = 2.0
"""How long the leader is held back for members that may have died; the shares of these are lost."""
SETTLE_SECONDS = 0.05
"""From a follower's request being sent on to the mock cluster having read it."""
CHUNK_BYTES = 64 * 1024
_LENGTH = struct.Struct(">i")


class Followers:
    """Which members of which generation have asked for their share."""

    def __init__(self) -> None:
        self._asked: defaultdict[str, tuple[int, set[str]]] = defaultdict(lambda: (-1, set()))
        self._more = asyncio.Condition()

    async def note(self, sync: SyncGroup) -> None:
        """A follower has asked."""
        async with self._more:
            generation, members = self._asked[sync.group]
            if sync.generation > generation:
                members = set()
            if sync.generation >= generation:
                self._asked[sync.group] = (sync.generation, members | {sync.member})
            self._more.notify_all()

    async def wait_for_all(self, leader: SyncGroup) -> None:
        """Until every other member has asked, or the limit is over."""
        if leader.shares <= 1:
            return
        with suppress(TimeoutError):
            async with asyncio.timeout(FOLLOWERS_LIMIT_SECONDS), self._more:
                await self._more.wait_for(lambda: self._complete(leader))
        await asyncio.sleep(SETTLE_SECONDS)

    def _complete(self, leader: SyncGroup) -> bool:
        generation, members = self._asked[leader.group]
        if generation > leader.generation:
            return True
        return generation == leader.generation and len(members) >= leader.shares - 1


class BrokerProxy:
    """Listens at `address` and hands everything on to `upstream`, frame by frame."""

    def __init__(self, address: tuple[str, int], upstream: tuple[str, int]) -> None:
        self._address = address
        self._upstream = upstream
        self._followers = Followers()
        self._server: asyncio.Server | None = None
        self._connections: set[asyncio.Task[None]] = set()

    async def start(self) -> None:
        """Listen.

        Raises:
            OSError: the address cannot be bound.
        """
        host, port = self._address
        self._server = await asyncio.start_server(self._accept, host, port)

    async def stop(self) -> None:
        """Listen no more, and end all connections."""
        if self._server is not None:
            self._server.close()
        for connection in self._connections:
            connection.cancel()
        await asyncio.gather(*self._connections, return_exceptions=True)

    def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        connection = asyncio.create_task(self._serve(reader, writer))
        self._connections.add(connection)
        connection.add_done_callback(self._connections.discard)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            up_reader, up_writer = await asyncio.open_connection(*self._upstream)
        except OSError:
            writer.close()
            return
        try:
            await self._first_of(
                self._requests(reader, up_writer), self._replies(up_reader, writer)
            )
        finally:
            writer.close()
            up_writer.close()

    @staticmethod
    async def _first_of(*ways: Coroutine[Any, Any, None]) -> None:
        """Until one side has ended the connection."""
        tasks = [asyncio.create_task(way) for way in ways]
        try:
            await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)

    async def _requests(self, reader: asyncio.StreamReader, upstream: asyncio.StreamWriter) -> None:
        while True:
            (length,) = _LENGTH.unpack(await reader.readexactly(_LENGTH.size))
            if not 0 < length <= LARGEST_FRAME_BYTES:
                raise FrameProblem(f"a frame of {length} bytes")
            frame = bytearray(await reader.readexactly(length))
            call = call_of(frame)
            sync = read_sync_group(frame) if call == SYNC_GROUP else None
            if call == FETCH:
                shorten_wait(frame, FETCH_WAIT_MS)
            if sync is not None and sync.shares > 0:
                await self._followers.wait_for_all(sync)
            upstream.write(_LENGTH.pack(length) + frame)
            await upstream.drain()
            if sync is not None and sync.shares == 0:
                await self._followers.note(sync)

    @staticmethod
    async def _replies(upstream: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while chunk := await upstream.read(CHUNK_BYTES):
            writer.write(chunk)
            await writer.drain()
