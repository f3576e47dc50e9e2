"""The carrier of the event feed: acknowledges what the broker has, and nothing else."""

from collections.abc import Sequence
from datetime import UTC, datetime
from uuid import UUID

import pytest

from scheduler_service.operations.carry_events import (
    BATCH_EVENTS,
    BEHIND_BATCH_EVENTS,
    CarryEvents,
)
from shared.contracts.events import (
    EventsReply,
    EventsRequest,
    FeedCursor,
    FeedEvent,
    JobEvent,
)
from shared.contracts.states import JobStatus
from shared.kernel.ids import new_id
from shared.runtime.http_client import NoAnswer
from shared.runtime.session import Session

NOW = datetime.now(UTC)


def some_event() -> FeedEvent:
    return FeedEvent.of(
        JobEvent(
            job_id=new_id(),
            version=0,
            from_=None,
            to=JobStatus.CREATED,
            attempt=0,
            node=None,
            at=NOW,
            reason="created",
            actor="client",
            job_type="DUMMY",
        )
    )


class World:
    """job_service with batches to hand out, and a broker that may be away."""

    def __init__(self) -> None:
        self.batches: list[list[FeedEvent]] = []
        self.asked: list[EventsRequest] = []
        self.published: list[FeedEvent] = []
        self.broker_away = self.silent = False
        self.session: Session | None = Session(str(new_id()), registered_at=0.0, ttl_seconds=1e9)
        self.carry = CarryEvents(ask=self.ask, publish=self, session=lambda: self.session)

    async def ask(self, request: EventsRequest) -> EventsReply:
        self.asked.append(request)
        if self.silent:
            raise NoAnswer("no reply")
        events = self.batches.pop(0) if self.batches else []
        end = FeedCursor(cluster="1/1", xid=len(self.asked), job_id=UUID(int=0), version=0)
        return EventsReply(
            live=True,
            carrier=True,
            events=events,
            end=end if events else None,
            more=bool(self.batches),
            now=NOW,
        )

    async def connect(self) -> None:
        pass

    async def publish(self, events: Sequence[FeedEvent]) -> None:
        if self.broker_away:
            raise TimeoutError
        self.published += events

    def acks(self) -> list[int | None]:
        return [None if r.acked is None else r.acked.xid for r in self.asked]


async def test_a_batch_is_acknowledged_with_the_next_request_and_once() -> None:
    world = World()
    world.batches = [[some_event()], [some_event(), some_event()]]
    events = [event for batch in world.batches for event in batch]
    assert await world.carry.run_once() == {"events": 1, "more": 1}
    assert await world.carry.run_once() == {"events": 2, "more": 0}
    assert await world.carry.run_once() == {"events": 0, "more": 0}
    assert await world.carry.run_once() == {"events": 0, "more": 0}
    assert world.published == events
    assert world.acks() == [None, 1, 2, None]


async def test_what_the_broker_did_not_take_is_not_acknowledged() -> None:
    world = World()
    world.batches = [[some_event()]]
    world.broker_away = True
    with pytest.raises(TimeoutError):
        await world.carry.run_once()
    await world.carry.run_once()
    assert world.acks() == [None, None]


async def test_an_acknowledgement_without_an_answer_is_said_again() -> None:
    world = World()
    world.batches = [[some_event()]]
    await world.carry.run_once()
    world.silent = True
    with pytest.raises(NoAnswer):
        await world.carry.run_once()
    world.silent = False
    await world.carry.run_once()
    assert world.acks() == [None, 1, 1]


async def test_a_new_node_says_nothing_of_the_one_before() -> None:
    world = World()
    world.batches = [[some_event()]]
    await world.carry.run_once()
    assert world.session is not None
    world.session.declare_dead()
    assert await world.carry.run_once() == {"events": 0}
    world.session = Session(str(new_id()), registered_at=0.0, ttl_seconds=1e9)
    await world.carry.run_once()
    assert world.acks() == [None, None]


async def test_nothing_is_asked_for_without_a_broker() -> None:
    """So that another scheduler may have the feed."""
    world = World()

    async def away() -> None:
        raise TimeoutError

    world.connect = away  # type: ignore[method-assign]
    with pytest.raises(TimeoutError):
        await world.carry.run_once()
    assert world.asked == []


async def test_it_asks_for_more_at_once_while_the_feed_is_behind() -> None:
    """And for few again when it has caught up."""
    world = World()
    world.batches = [[some_event()] for _ in range(3)]
    for _ in range(4):
        await world.carry.run_once()
    limits = [request.limit for request in world.asked]
    assert limits == [BATCH_EVENTS, BEHIND_BATCH_EVENTS, BEHIND_BATCH_EVENTS, BATCH_EVENTS]
