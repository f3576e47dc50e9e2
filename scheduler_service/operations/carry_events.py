"""Carry the event feed: what job_service hands out is published, and acknowledged once the broker has it."""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Protocol
from uuid import UUID

from shared.contracts.events import EventsReply, EventsRequest, FeedCursor, FeedEvent
from shared.runtime.session import Session

BATCH_EVENTS = 250
"""Small, so that neither job_service nor this loop is held up by it; some 150 KB."""
BEHIND_BATCH_EVENTS = 1_000
"""While the feed is behind: what a request costs by itself is spread over more events."""
LONG_POLL_SECONDS = 5.0


class Publish(Protocol):
    """The topic. Both raise when the broker is away."""

    async def connect(self) -> None: ...
    async def publish(self, events: Sequence[FeedEvent]) -> None: ...


class CarryEvents:
    """One batch is held at any time, and none while the broker is away: the rest stays in the history.

    Without a broker nothing is asked for either, so that another scheduler that reaches it can take over.
    """

    def __init__(
        self,
        *,
        ask: Callable[[EventsRequest], Awaitable[EventsReply]],
        publish: Publish,
        session: Callable[[], Session | None],
    ) -> None:
        self._ask = ask
        self._publish = publish
        self._session = session
        self._acked: FeedCursor | None = None
        self._behind = False

    async def run_once(self) -> Mapping[str, int]:
        """Acknowledge the batch before, get the next one and publish it.

        Raises:
            CallFailed: job_service did not answer; the same is acknowledged again.
            Exception: the broker did not acknowledge everything; the same events will come again.
        """
        session = self._session()
        if session is None or session.dead():
            self._acked = None
            return {"events": 0}
        await self._publish.connect()
        reply = await self._ask(
            EventsRequest(
                node=UUID(session.node),
                acked=self._acked,
                limit=BEHIND_BATCH_EVENTS if self._behind else BATCH_EVENTS,
                wait_seconds=LONG_POLL_SECONDS,
            )
        )
        self._acked = None
        self._behind = reply.more
        if reply.events:
            await self._publish.publish(reply.events)
            self._acked = reply.end
        return {"events": len(reply.events), "more": int(reply.more)}
