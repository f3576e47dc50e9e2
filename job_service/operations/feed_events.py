"""Hand the history out as events, to the one scheduler that carries the feed."""

import asyncio
import time
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import NamedTuple, Protocol
from uuid import UUID

from job_service.domain.feed_order import HistoryRow, Place, in_order, lacking
from job_service.operations.doorbell import Doorbell, wait
from shared.contracts.events import EventsRequest, FeedCursor
from shared.runtime.log import get

SILENT_SECONDS = 20.0
"""A carrier that asks for nothing for so long cannot publish: another may have the feed."""
LONGEST_WAIT_SECONDS = 10.0
"""A carrier that waits is not silent."""
LOOK_SECONDS = 0.2
"""How often the feed is looked at while a carrier waits and something goes on: rows become complete without a
ring."""
QUIET_LOOK_SECONDS = 1.0
"""The same after `QUIET_AFTER_SECONDS` in which nothing was found and nobody called `stir`."""
QUIET_AFTER_SECONDS = 2.0
LOOK_FOR_SILENCE_SECONDS = 1.0
"""The same for who waits to become the carrier."""


class Carried(Protocol):
    """Whether the node lives and carries the feed, from where, and which cluster the database is now."""

    @property
    def live(self) -> bool: ...
    @property
    def cursor(self) -> FeedCursor | None: ...
    @property
    def cluster(self) -> str: ...
    @property
    def now(self) -> datetime: ...


class FeedStore(Protocol):
    """What the feed needs of the database."""

    async def carry(
        self, node: UUID, acked: FeedCursor | None, silent_seconds: float
    ) -> Carried: ...
    async def read(self, after: Place, limit: int) -> list[HistoryRow]: ...
    async def below(self, jobs: Mapping[UUID, int], after: Place) -> list[HistoryRow]: ...
    async def left_over(self, after: Place, limit: int) -> list[HistoryRow]: ...
    async def adopt(self, old: str, *, start_over: bool) -> None: ...


class Fed(NamedTuple):
    """An EventsReply; of its events each is JSON text already."""

    live: bool
    carrier: bool
    events: Sequence[str]
    end: FeedCursor | None
    more: bool
    now: datetime


class FeedEvents:
    """Long-poll for the next events.

    A request that is repeated, or that is still waited for when its caller has gone, changes nothing: what it
    acknowledges stays true, and to read moves no cursor.
    """

    def __init__(self, store: FeedStore) -> None:
        self._store = store
        self._closing = Doorbell(everyone=True)
        self._stirred_at = time.monotonic()
        self._log = get(__name__)

    def close(self) -> None:
        """The service ends: whoever waits answers now."""
        self._closing.close()

    def stir(self) -> None:
        """Something changes jobs here: rows of the history will be there soon."""
        self._stirred_at = time.monotonic()

    async def feed(self, request: EventsRequest) -> Fed:
        """Answer as soon as there are events, or empty after the wait."""
        until = time.monotonic() + min(request.wait_seconds, LONGEST_WAIT_SECONDS)
        carried = await self._carry(request)
        async with self._closing.waiter() as rung:
            while True:
                looked_at = time.monotonic()
                read = await self._read(carried, request.limit)
                if read:
                    self.stir()
                left = until - time.monotonic()
                if read or not carried.live or left <= 0 or self._closing.closed:
                    return await self._reply(carried, read, request.limit)
                carries = carried.cursor is not None
                if carries:
                    await self._pause(rung, looked_at, until)
                else:
                    await wait(rung, min(left, LOOK_FOR_SILENCE_SECONDS))
                if not carries or carried.cluster != _cluster(carried):
                    carried = await self._carry(request)

    async def _pause(self, rung: asyncio.Event, looked_at: float, until: float) -> None:
        """Until it is time to look again. While it is quiet most of the turns here ask the database nothing."""
        while True:
            await wait(rung, min(until - time.monotonic(), LOOK_SECONDS))
            now = time.monotonic()
            if now - self._stirred_at < QUIET_AFTER_SECONDS or self._closing.closed:
                return
            if now - looked_at >= QUIET_LOOK_SECONDS or now >= until:
                return

    async def _carry(self, request: EventsRequest) -> Carried:
        return await self._store.carry(request.node, request.acked, SILENT_SECONDS)

    async def _read(self, carried: Carried, limit: int) -> list[HistoryRow]:
        cursor = carried.cursor
        if cursor is None:
            return []
        if cursor.cluster == carried.cluster:
            return await self._store.read(_place(cursor), limit)
        return await self._read_of_another(cursor, carried.cluster, limit)

    async def _read_of_another(
        self, cursor: FeedCursor, cluster: str, limit: int
    ) -> list[HistoryRow]:
        """The database became another one since the cursor was set. A promoted standby goes on with the ids of
        the one before. A restored dump counts from its own: first what was not fed when it was made, then
        everything once more."""
        promoted = _system(cursor.cluster) == _system(cluster)
        rows = [] if promoted else await self._store.left_over(_place(cursor), limit)
        if not rows:
            self._log.warning(
                "the database is another one", was=cursor.cluster, now=cluster, again=not promoted
            )
            await self._store.adopt(cursor.cluster, start_over=not promoted)
        return rows

    async def _reply(self, carried: Carried, read: Sequence[HistoryRow], limit: int) -> Fed:
        cursor, end, rows = carried.cursor, None, list(read)
        if cursor is not None and rows:
            after = _place(cursor)
            xid, job_id, version = rows[-1].place
            end = FeedCursor(cluster=cursor.cluster, xid=xid, job_id=job_id, version=version)
            if jobs := lacking(rows, after=after):
                here = {row.place for row in rows}
                rows += [r for r in await self._store.below(jobs, after) if r.place not in here]
        return Fed(
            live=carried.live,
            carrier=cursor is not None,
            events=[row.event for row in in_order(rows)],
            end=end,
            more=len(read) >= limit,
            now=carried.now,
        )


def _place(cursor: FeedCursor) -> Place:
    return cursor.xid, cursor.job_id, cursor.version


def _cluster(carried: Carried) -> str | None:
    return None if carried.cursor is None else carried.cursor.cluster


def _system(cluster: str) -> str:
    return cluster.split("/")[0]
