"""Claims that nobody leased: when they are armed again, and when not (R21)."""

from typing import Any

import pytest

from shared.contracts.claims import Claimed, ClaimRequest, Published
from shared.contracts.nodes import Position, Renew
from tests.support.given import Actors
from tests.support.job_service import Service

PASSED_AFTER_SECONDS = 10.0
REGARDLESS_SECONDS = 600.0
UNPLACED_SECONDS = 60.0
TOPIC_PARTITION = 3
OFFSET = 100


async def published(actors: Actors) -> Claimed:
    """A job whose record is in the topic, as the scheduler says with its next claim."""
    service = actors.service
    await service.create_one()
    (claimed,) = await service.claim(actors.scheduler)
    place = Published(
        job_id=claimed.job_id,
        attempt=claimed.attempt,
        topic_partition=TOPIC_PARTITION,
        record_offset=OFFSET,
    )
    await service.operations.claims.claim(
        ClaimRequest(node=actors.scheduler, seq=2, acked=1, limit=1, published=[place])
    )
    return claimed


async def group_stands_at(actors: Actors, committed: int, end: int) -> None:
    """A worker reports its position with its renewal."""
    position = Position(topic_partition=TOPIC_PARTITION, committed=committed, end=end)
    await actors.service.operations.sessions.renew(
        actors.worker, Renew(slots=100, positions=[position])
    )


async def armed(service: Service) -> int:
    """One round of the duty."""
    return (await service.duty("reconcile"))["armed"]


async def in_due(service: Service, claimed: Claimed) -> bool:
    return await service.row("due", claimed.job_id) is not None


@pytest.mark.parametrize(
    ("committed", "end"),
    [(OFFSET + 1, OFFSET + 50), (OFFSET + 40, OFFSET + 50), (0, OFFSET), (0, 0)],
    ids=["just passed", "passed", "the topic ends before it", "the topic is new"],
)
async def test_a_record_that_the_group_has_passed_or_that_is_gone_is_published_again(
    actors: Actors, committed: int, end: int
) -> None:
    """R21: soon after its due time, with the same attempt and no visible change."""
    service = actors.service
    claimed = await published(actors)
    before = await service.job(claimed.job_id)
    await group_stands_at(actors, committed, end)
    await service.pass_time(claimed.job_id, PASSED_AFTER_SECONDS + 1)
    assert await armed(service) == 1
    assert await in_due(service, claimed)
    (again,) = await service.claim(actors.scheduler, seq=3)
    assert (again.job_id, again.attempt) == (claimed.job_id, claimed.attempt)
    assert (await service.job(claimed.job_id)).version == before.version


async def test_a_backlog_is_not_published_again(actors: Actors) -> None:
    """R21: the group will come to it, however long that takes; it is looked at again later."""
    service = actors.service
    claimed = await published(actors)
    await group_stands_at(actors, OFFSET, OFFSET + 50)
    await service.pass_time(claimed.job_id, PASSED_AFTER_SECONDS + 1)
    assert await service.duty("reconcile") == {"looked": 1, "armed": 0, "more": 0}
    assert await service.duty("reconcile") == {"looked": 0, "armed": 0, "more": 0}
    await service.pass_time(claimed.job_id, REGARDLESS_SECONDS / 2)
    assert await armed(service) == 0
    await group_stands_at(actors, OFFSET + 1, OFFSET + 50)
    await service.pass_time(claimed.job_id, PASSED_AFTER_SECONDS)
    assert await armed(service) == 1


async def test_after_ten_minutes_it_is_published_again_whatever_the_group_does(
    actors: Actors,
) -> None:
    """R21: positions may be wrong; liveness does not hang on them."""
    service = actors.service
    claimed = await published(actors)
    await group_stands_at(actors, OFFSET, OFFSET + 50)
    await service.pass_time(claimed.job_id, REGARDLESS_SECONDS - 5)
    assert await armed(service) == 0
    await service.pass_time(claimed.job_id, 10)
    assert await armed(service) == 1


async def test_a_claim_that_was_never_published_comes_back_after_a_minute(actors: Actors) -> None:
    """R21: its scheduler lives and has forgotten it, or never said where the record is."""
    service = actors.service
    await service.create_one()
    (claimed,) = await service.claim(actors.scheduler)
    await group_stands_at(actors, OFFSET + 10, OFFSET + 50)
    await service.pass_time(claimed.job_id, UNPLACED_SECONDS - 5)
    assert await armed(service) == 0
    await service.pass_time(claimed.job_id, 10)
    assert await armed(service) == 1


async def test_it_is_not_looked_at_before_its_time(actors: Actors) -> None:
    """R21: a record that has just been passed is about to be leased."""
    service = actors.service
    claimed = await published(actors)
    await group_stands_at(actors, OFFSET + 1, OFFSET + 50)
    await service.pass_time(claimed.job_id, PASSED_AFTER_SECONDS - 5)
    assert (await service.duty("reconcile"))["looked"] == 0


async def test_what_is_leased_meanwhile_is_left_alone(actors: Actors) -> None:
    """R21: leased is leased, whatever the positions say."""
    service = actors.service
    claimed = await published(actors)
    await service.lease(actors.worker, [claimed])
    await group_stands_at(actors, OFFSET + 1, OFFSET + 50)
    await service.pass_time(claimed.job_id, REGARDLESS_SECONDS)
    assert await armed(service) == 0


async def test_the_place_of_an_old_attempt_is_not_kept_for_a_new_one(actors: Actors) -> None:
    """R21: a note that comes late, for an attempt that was given back, says nothing of the next."""
    service = actors.service
    claimed = await published(actors)
    (lease,) = await service.lease(actors.worker, [claimed])
    await service.release(actors.worker, [lease])
    (again,) = await service.claim(actors.scheduler, seq=3)
    old = Published(
        job_id=again.job_id, attempt=1, topic_partition=TOPIC_PARTITION, record_offset=OFFSET
    )
    await service.operations.claims.claim(
        ClaimRequest(node=actors.scheduler, seq=4, acked=3, limit=1, published=[old])
    )
    row: Any = await service.row("inflight", again.job_id)
    assert (row["attempt"], row["topic_partition"], row["record_offset"]) == (2, None, None)
