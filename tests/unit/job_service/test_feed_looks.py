"""How often the feed asks the database while a carrier waits."""

import asyncio
import time
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from uuid import UUID

from job_service.domain.feed_order import HistoryRow, Place
from job_service.operations.feed_events import QUIET_LOOK_SECONDS, FeedEvents
from shared.contracts.events import EventsRequest, FeedCursor
from tests.support.waiting import until

NODE = UUID(int=1)
HERE = "1/00000001"


@dataclass(frozen=True)
class Carries:
    """What the database says to the carrier."""

    cursor: FeedCursor
    live: bool = True
    cluster: str = HERE
    now: datetime = datetime(2026, 11, 22, tzinfo=UTC)


class EmptyHistory:
    """A history in which nothing happens. `looks` are the moments at which it was asked."""

    def __init__(self) -> None:
        self.looks: list[float] = []

    async def carry(self, node: UUID, acked: FeedCursor | None, silent_seconds: float) -> Carries:
        return Carries(FeedCursor(cluster=HERE, xid=1, job_id=NODE, version=0))

    async def read(self, after: Place, limit: int) -> list[HistoryRow]:
        self.looks.append(time.monotonic())
        return []

    async def below(self, jobs: Mapping[UUID, int], after: Place) -> list[HistoryRow]:
        return []

    async def left_over(self, after: Place, limit: int) -> list[HistoryRow]:
        return []

    async def adopt(self, old: str, *, start_over: bool) -> None: ...


async def test_a_quiet_feed_looks_once_a_second_and_soon_after_a_stir() -> None:
    history = EmptyHistory()
    feed = FeedEvents(history)
    waiting = asyncio.create_task(feed.feed(EventsRequest(node=NODE, limit=10, wait_seconds=9.0)))
    await until(lambda: _last_gap(history.looks) > 0.9 * QUIET_LOOK_SECONDS, what="quiet")
    before = len(history.looks)
    feed.stir()
    stirred = time.monotonic()
    await until(lambda: len(history.looks) > before, what="a look")
    assert history.looks[-1] - stirred < 0.9 * QUIET_LOOK_SECONDS
    feed.close()
    assert (await waiting).events == []


def _last_gap(moments: list[float]) -> float:
    return moments[-1] - moments[-2] if len(moments) > 1 else 0.0
