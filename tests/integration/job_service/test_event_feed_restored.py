"""The database under the feed becomes another one: a restored dump, or a standby that was promoted."""

from tests.support.event_feed import Subscriber, history_of
from tests.support.given import Actors
from tests.support.job_service import Service

AHEAD = 1_000_000_000
"""How far the transaction ids of the cluster that the dump came from are ahead of ours."""


async def test_after_a_restore_what_was_left_is_fed_and_then_everything_again(
    actors: Actors,
) -> None:
    """New rows get lower ids than those that came with the dump, and none of either is missed."""
    service, subscriber = actors.service, Subscriber(actors.service, actors.scheduler)
    (fed, *_) = await service.create(1, in_seconds=1_000)
    await subscriber.take()
    await subscriber.take()
    (left, *_) = await service.create(1, in_seconds=1_000)
    await _restored(service)
    (new, *_) = await service.create(1, in_seconds=1_000)
    await service.operations.change.cancel(left.id)

    after = Subscriber(service, actors.scheduler)
    assert await after.take(limit=1) == 1
    assert after.seen() == {left.id: [0]}
    for _ in range(6):
        await after.take(limit=1)
    assert after.seen() == {left.id: [0, 1], new.id: [0]}
    assert {**subscriber.seen(), **after.seen()} == await history_of(service)
    assert fed.id in subscriber.seen()


async def test_after_a_restore_with_ids_of_our_own_past_everything_is_fed_again(
    actors: Actors,
) -> None:
    service, subscriber = actors.service, Subscriber(actors.service, actors.scheduler)
    await service.create(3)
    await subscriber.take()
    await service.raw.execute("UPDATE event_feed SET cluster = '1/00000001'")
    again = Subscriber(service, actors.scheduler)
    for _ in range(3):
        await again.take()
    assert again.seen() == subscriber.seen() == await history_of(service)


async def test_after_a_promotion_the_feed_goes_on_where_it_was(actors: Actors) -> None:
    service, subscriber = actors.service, Subscriber(actors.service, actors.scheduler)
    await service.create(3)
    await subscriber.take()
    await subscriber.take()
    await service.raw.execute(
        "UPDATE event_feed SET cluster = split_part(cluster, '/', 1) || '/00000000'"
    )
    (new, *_) = await service.create(1)
    after = Subscriber(service, actors.scheduler)
    for _ in range(3):
        await after.take()
    assert after.seen() == {new.id: [0]}


async def _restored(service: Service) -> None:
    """As if all that is there now had come with a dump of another cluster."""
    raw = service.raw
    await raw.execute("ALTER TABLE job_history DISABLE TRIGGER job_history_append_only")
    await raw.execute("UPDATE job_history SET xid = (xid::text::bigint + $1)::text::xid8", AHEAD)
    await raw.execute("ALTER TABLE job_history ENABLE TRIGGER job_history_append_only")
    await raw.execute(
        """UPDATE event_feed SET cluster = '1/00000001',
                                 xid = (xid::text::bigint + $1)::text::xid8""",
        AHEAD,
    )
