"""The leader of a group is held back until the others have asked."""

import asyncio

from punctual.local import broker_proxy
from punctual.local.broker_proxy import Followers
from punctual.local.kafka_frames import SyncGroup
from tests.support.waiting import until


def sync(member: str, generation: int = 5, shares: int = 0) -> SyncGroup:
    return SyncGroup("group", generation, member, shares)


async def test_the_leader_waits_for_every_follower_of_its_generation() -> None:
    followers = Followers()
    await followers.note(sync("b", generation=4))
    leader = asyncio.create_task(followers.wait_for_all(sync("a", shares=3)))
    await followers.note(sync("b"))
    await followers.note(sync("b"))
    await asyncio.sleep(0)
    assert not leader.done()
    await followers.note(sync("c"))
    await until(leader.done, within=1, what="the leader goes on")


async def test_a_leader_alone_does_not_wait() -> None:
    await asyncio.wait_for(Followers().wait_for_all(sync("a", shares=1)), timeout=0.01)


async def test_a_leader_of_an_old_generation_goes_on() -> None:
    followers = Followers()
    leader = asyncio.create_task(followers.wait_for_all(sync("a", shares=2)))
    await followers.note(sync("b", generation=6))
    await until(leader.done, within=1, what="the leader goes on")


async def test_the_wait_for_a_dead_follower_has_an_end() -> None:
    assert broker_proxy.FOLLOWERS_LIMIT_SECONDS < 3, "well below the session timeout"
    leader = asyncio.create_task(Followers().wait_for_all(sync("a", shares=2)))
    await until(leader.done, within=5, what="the leader goes on")
