"""The event feed on a real PostgreSQL: every row of the history, none missed, one carrier at a time."""

import asyncio
from uuid import UUID

from job_service.operations.feed_events import SILENT_SECONDS
from shared.contracts.events import EventsReply, FeedEvent
from shared.contracts.states import JobStatus, Outcome
from tests.support.event_feed import Subscriber, ask, history_of
from tests.support.given import Actors
from tests.support.job_service import Service
from tests.support.waiting import until


async def test_a_life_is_fed_once_and_in_order(actors: Actors) -> None:
    service, subscriber = actors.service, Subscriber(actors.service, actors.scheduler)
    lease = await service.leased_one(actors.scheduler, actors.worker, traceparent="00-1-2-01")
    await subscriber.take()
    await service.finish(actors.worker, lease, Outcome.SUCCESS)
    await subscriber.take()
    fed = [event for event in subscriber.events if event.event.job_id == lease.job_id]
    assert [(e.event.version, e.event.from_, e.event.to) for e in fed] == [
        (0, None, JobStatus.CREATED),
        (1, JobStatus.CREATED, JobStatus.SCHEDULED),
        (2, JobStatus.SCHEDULED, JobStatus.RUNNING),
        (3, JobStatus.RUNNING, JobStatus.SUCCESS),
    ]
    assert [e.event.node for e in fed] == [None, actors.scheduler, actors.worker, actors.worker]
    assert {e.traceparent for e in fed} == {"00-1-2-01"}
    assert {e.event.job_type for e in fed} == {"DUMMY"}
    assert [FeedEvent.of(e.event, e.traceparent) for e in fed] == fed, (
        "written as the model writes it"
    )
    assert await subscriber.take() == 0


async def test_what_was_not_acknowledged_comes_again(actors: Actors) -> None:
    service = actors.service
    await service.create(3)
    first = await ask(service, actors.scheduler)
    again = await ask(service, actors.scheduler)
    assert again.events == first.events
    assert first.end is not None
    assert (await ask(service, actors.scheduler, first.end)).events == []
    assert (await ask(service, actors.scheduler)).events == []


async def test_batches_end_anywhere_and_leave_nothing_out(actors: Actors) -> None:
    """One transaction writes many rows, and several of one job: the cursor stands between any two of them."""
    service, subscriber = actors.service, Subscriber(actors.service, actors.scheduler)
    leases = await service.leased(actors.scheduler, actors.worker, 20)
    for lease in leases:
        await service.finish(actors.worker, lease)
    taken = [await subscriber.take(limit=7)]
    while taken[-1]:
        taken.append(await subscriber.take(limit=7))
    assert max(taken) == 7
    assert subscriber.seen() == await history_of(service)
    assert sum(taken) == sum(map(len, subscriber.seen().values())), "no repeat"


async def test_a_row_that_commits_late_is_not_passed(actors: Actors) -> None:
    """The transaction with the lower id commits after one with a higher id was ready to be fed."""
    service, subscriber = actors.service, Subscriber(actors.service, actors.scheduler)
    await subscriber.take()
    other = await service.connect()
    async with other.transaction():
        (late, *_) = await service.inside(other).create(1)
        (early, *_) = await service.create(1)
        await subscriber.take()
        assert subscriber.seen() == {}
    await subscriber.take()
    assert subscriber.seen() == {late.id: [0], early.id: [0]}


async def test_a_rolled_back_row_is_never_fed(actors: Actors) -> None:
    service, subscriber = actors.service, Subscriber(actors.service, actors.scheduler)
    other = await service.connect()
    transaction = other.transaction()
    await transaction.start()
    await service.inside(other).create(1)
    await transaction.rollback()
    (kept, *_) = await service.create(1)
    await subscriber.take()
    assert subscriber.seen() == {kept.id: [0]}


async def test_one_scheduler_carries_the_feed(actors: Actors) -> None:
    service = actors.service
    second = await service.scheduler()
    await service.create(1)
    first = await ask(service, actors.scheduler)
    assert (first.carrier, len(first.events)) == (True, 1)
    refused = await ask(service, second)
    assert (refused.live, refused.carrier, refused.events) == (True, False, [])
    refused = await ask(service, second, first.end)
    assert len((await ask(service, actors.scheduler)).events) == 1, "its word counts for nothing"


async def test_a_worker_does_not_carry_the_feed(actors: Actors) -> None:
    reply = await ask(actors.service, actors.worker)
    assert (reply.live, reply.carrier) == (False, False)


async def test_a_carrier_that_died_or_fell_silent_is_followed(actors: Actors) -> None:
    """By its session first, before the reaper has looked; what it had not acknowledged comes again."""
    service = actors.service
    second, third = await service.scheduler(), await service.scheduler()
    await service.create(2)
    before = await ask(service, actors.scheduler)
    await service.expire_node(actors.scheduler)
    after = await ask(service, second)
    assert (after.carrier, after.events) == (True, before.events)
    await service.kill(second)
    assert not (await ask(service, second)).live
    assert (await ask(service, third)).events == before.events
    await _asked_long_ago(service)
    fourth = await service.scheduler()
    assert (await ask(service, fourth)).carrier
    assert not (await ask(service, third)).carrier


async def test_a_late_word_of_the_carrier_before_moves_nothing(actors: Actors) -> None:
    service = actors.service
    second = await service.scheduler()
    await service.create(2)
    before = await ask(service, actors.scheduler)
    await service.expire_node(actors.scheduler)
    assert (await ask(service, second)).carrier
    late = await ask(service, actors.scheduler, before.end)
    assert not late.carrier
    assert len((await ask(service, second)).events) == 2


async def test_the_feed_is_not_given_to_a_node_that_is_being_marked_dead(actors: Actors) -> None:
    """R4: the claim of the feed waits for the reaper's lock, and sees that the node is dead."""
    service = actors.service
    await service.expire_node(actors.scheduler)
    await service.end_amnesty()
    other = await service.connect()
    async with other.transaction():
        await service.inside(other).stores.reaping.mark_dead()
        asking = asyncio.create_task(ask(service, actors.scheduler))
        await service.until_blocked()
    reply = await asking
    assert (reply.live, reply.carrier) == (False, False)
    assert await service.raw.fetchval("SELECT node FROM event_feed") is None


async def test_a_waiting_carrier_hears_of_new_rows(actors: Actors) -> None:
    service = actors.service
    await _drained(service, actors.scheduler)
    asking = asyncio.create_task(ask(service, actors.scheduler, wait_seconds=10))
    await until(lambda: _waits(service), what="the carrier to wait")
    await service.create(1)
    assert len((await asking).events) == 1


async def test_who_waits_becomes_the_carrier_when_the_one_before_leaves(actors: Actors) -> None:
    service = actors.service
    assert (await ask(service, actors.scheduler)).carrier
    second = await service.scheduler()
    asking = asyncio.create_task(ask(service, second, wait_seconds=10))
    await until(lambda: _waits(service), what="the second to wait")
    await service.operations.sessions.leave(actors.scheduler)
    await service.create(1)
    reply = await asking
    assert reply.carrier
    assert reply.events


async def test_whatever_a_job_is_called_an_event_is_what_its_model_writes(actors: Actors) -> None:
    odd = 'a "type", a \\ and é'
    await actors.service.create(1, job_type=odd, traceparent='00-"\\-01')
    (fed,) = (await ask(actors.service, actors.scheduler)).events
    assert fed.event.job_type == odd
    assert fed == FeedEvent.of(fed.event, traceparent='00-"\\-01')


async def test_who_waits_is_answered_when_the_service_ends(actors: Actors) -> None:
    service = actors.service
    await _drained(service, actors.scheduler)
    asking = asyncio.create_task(ask(service, actors.scheduler, wait_seconds=30))
    await until(lambda: _waits(service), what="the carrier to wait")
    service.operations.events.close()
    async with asyncio.timeout(2):
        assert (await asking).events == []


async def _drained(service: Service, node: UUID) -> EventsReply:
    reply = await ask(service, node)
    while reply.events:
        reply = await ask(service, node, reply.end)
    return reply


async def _asked_long_ago(service: Service) -> None:
    await service.raw.execute(
        "UPDATE event_feed SET asked_at = asked_at - $1 * interval '1 second'", SILENT_SECONDS + 1
    )


def _waits(service: Service) -> bool:
    return bool(service.operations.events._closing._waiters)
