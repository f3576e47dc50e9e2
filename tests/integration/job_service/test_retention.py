"""R13: history and executions are cut by day and dropped only when no unsettled job is in range."""

import asyncio
import os
from datetime import UTC, date, datetime, timedelta
from typing import Any
from uuid import UUID

import asyncpg
import pytest

from job_service.domain.days import Day
from shared.contracts.states import JobStatus, Outcome
from shared.kernel.ids import first_id_of
from tests.support.job_service import AHEAD, Service
from tests.support.snapshots import snapshot

OLD_DAYS = 45
"""Older than what retention keeps by default, 30 days."""
DAY_SECONDS = 86_400.0
TABLES = ("job_history", "executions")


def old_day() -> Day:
    return Day((datetime.now(UTC) - timedelta(days=OLD_DAYS)).date())


def id_of(day: Day) -> UUID:
    """A UUIDv7 as it would have been made at noon of that day."""
    noon = datetime(day.date.year, day.date.month, day.date.day, 12, tzinfo=UTC)
    random = int.from_bytes(os.urandom(10)) & ~(0xF << 76 | 0x3 << 62)
    return UUID(int=first_id_of(int(noon.timestamp() * 1000)).int | 0x7 << 76 | 0x2 << 62 | random)


async def cut(service: Service, day: Day) -> None:
    for table in TABLES:
        await service.stores.partitions.make(table, day)


async def has_partitions(service: Service, day: Day) -> list[bool]:
    return [day in await service.stores.partitions.days(table) for table in TABLES]


async def settled(service: Service, day: Day, outcome: Outcome = Outcome.SUCCESS) -> UUID:
    """A job made on that day and settled then."""
    scheduler, worker = await service.scheduler(), await service.worker()
    lease = await service.leased_one(scheduler, worker, id=id_of(day))
    await service.finish(worker, lease, outcome, retry=False)
    await service.pass_time(lease.job_id, OLD_DAYS * DAY_SECONDS)
    return lease.job_id


async def waiting(service: Service, day: Day, **fields: Any) -> UUID:
    """A job made on that day that is still to run."""
    return (await service.create_one(id=id_of(day), in_seconds=1000, **fields)).id


async def records(service: Service, job_id: UUID) -> tuple[int, int, int]:
    """Rows of the job in jobs, job_history and executions."""
    row = await service.raw.fetchrow(
        """SELECT (SELECT count(*) FROM jobs WHERE id = $1) AS jobs,
                  (SELECT count(*) FROM job_history WHERE job_id = $1) AS history,
                  (SELECT count(*) FROM executions WHERE job_id = $1) AS executions""",
        job_id,
    )
    assert row is not None
    return row["jobs"], row["history"], row["executions"]


async def test_partitions_are_made_ahead_once(service: Service) -> None:
    """R13: yesterday to three days ahead for both tables; a second round makes none."""
    assert await service.duty("make_partitions") == {"made": 10, "refused": 0}
    assert await service.duty("make_partitions") == {"made": 0, "refused": 0}
    today = await service.stores.partitions.today()
    for table in TABLES:
        days = await service.stores.partitions.days(table)
        assert [day.date for day in days] == [today + timedelta(days=n) for n in range(-1, 4)]


async def test_rows_land_in_the_partition_of_their_jobs_day(service: Service) -> None:
    """R13: the day is that of the job's id, whenever the row is written."""
    await service.duty("make_partitions")
    day = old_day()
    await cut(service, day)
    await service.create_one()
    await waiting(service, day)
    today = Day(await service.stores.partitions.today())
    places = await service.raw.fetch(
        "SELECT DISTINCT tableoid::regclass::text AS place FROM job_history ORDER BY place"
    )
    assert [row["place"] for row in places] == [
        f"job_history_{day.suffix}",
        f"job_history_{today.suffix}",
    ]


async def test_a_day_whose_rows_are_in_the_default_partition_is_left_there(
    service: Service,
) -> None:
    """R13: its partition is refused, the others are made, and nothing is lost."""
    await service.create_one()
    counts = await service.duty("make_partitions")
    assert counts == {"made": 9, "refused": 1}


async def test_a_settled_day_is_dropped_whole(service: Service) -> None:
    """R13: all settled and old: jobs deleted, both partitions dropped, other days untouched."""
    await service.duty("make_partitions")
    day = old_day()
    await cut(service, day)
    gone = [await settled(service, day), await settled(service, day, Outcome.FAILED)]
    young = await service.create_one()
    counts = await service.duty("retain")
    assert (counts["deleted"], counts["dropped"]) == (2, 2)
    assert await has_partitions(service, day) == [False, False]
    assert [await records(service, job_id) for job_id in gone] == [(0, 0, 0)] * 2
    assert await records(service, young.id) == (1, 1, 0)
    assert await service.raw.fetchval("SELECT count(*) FROM unsuccessful") == 0


async def _created(service: Service, day: Day) -> UUID:
    return await waiting(service, day)


async def _held(service: Service, day: Day) -> UUID:
    scheduler, worker = await service.scheduler(), await service.worker()
    return (await service.leased_one(scheduler, worker, id=id_of(day), in_seconds=AHEAD)).job_id


async def _running(service: Service, day: Day) -> UUID:
    scheduler, worker = await service.scheduler(), await service.worker()
    return (await service.leased_one(scheduler, worker, id=id_of(day))).job_id


async def _tried_again(service: Service, day: Day) -> UUID:
    scheduler, worker = await service.scheduler(), await service.worker()
    lease = await service.leased_one(scheduler, worker, id=id_of(day))
    await service.finish(worker, lease, Outcome.FAILED, retry_after_seconds=50 * DAY_SECONDS)
    return lease.job_id


UNSETTLED = pytest.mark.parametrize("unsettled", [_created, _held, _running, _tried_again])


@UNSETTLED
async def test_a_day_with_an_unsettled_job_is_not_dropped(service: Service, unsettled: Any) -> None:
    """R13: the settled ones go singly, with their history; the other keeps every row of its own."""
    day = old_day()
    await cut(service, day)
    gone = await settled(service, day)
    kept = await unsettled(service, day)
    await service.raw.execute(
        "UPDATE jobs SET updated_at = now() - interval '45 days' WHERE id = $1", kept
    )
    before = await records(service, kept)
    counts = await service.duty("retain")
    assert (counts["deleted"], counts["dropped"]) == (1, 0)
    assert await has_partitions(service, day) == [True, True]
    assert await records(service, gone) == (0, 0, 0)
    assert await records(service, kept) == before


async def test_a_job_that_settled_lately_keeps_its_old_day(service: Service) -> None:
    """R13: a job counts from its last change, not from its birth."""
    day = old_day()
    await cut(service, day)
    gone = await settled(service, day)
    scheduler, worker = await service.scheduler(), await service.worker()
    lately = await service.leased_one(scheduler, worker, id=id_of(day))
    await service.finish(worker, lately)
    counts = await service.duty("retain")
    assert (counts["deleted"], counts["dropped"]) == (1, 0)
    assert await records(service, gone) == (0, 0, 0)
    assert await records(service, lately.job_id) == (1, 4, 1)


async def test_a_dead_letter_that_is_retried_meanwhile_keeps_its_day(service: Service) -> None:
    """R13: retention skips a job that somebody is changing, and then does not drop what it stands on."""
    day = old_day()
    await cut(service, day)
    gone = await settled(service, day)
    letter = await settled(service, day, Outcome.FAILED)
    other = await service.connect()
    async with other.transaction():
        await service.within(other).change.schedule_now(letter, None, [JobStatus.FAILED])
        counts = await asyncio.wait_for(service.duty("retain"), 1.5)
    assert (counts["deleted"], counts["dropped"]) == (1, 0)
    assert (await records(service, gone))[0] == 0
    assert await records(service, letter) == (1, 5, 1)


async def test_a_day_is_kept_for_a_job_that_was_deleted_lately(service: Service) -> None:
    """R13: its history stays for audit as long as that of any other job."""
    day = old_day()
    await cut(service, day)
    job_id = await settled(service, day)
    await service.operations.delete.delete(job_id)
    assert (await service.duty("retain"))["dropped"] == 0
    assert await records(service, job_id) == (0, 4, 1)
    await service.raw.execute("UPDATE deleted_jobs SET deleted_at = now() - interval '45 days'")
    counts = await service.duty("retain")
    assert (counts["forgotten"], counts["dropped"]) == (1, 2)


async def test_young_days_are_left_alone(service: Service) -> None:
    """R13: settled but not old enough."""
    day = Day((datetime.now(UTC) - timedelta(days=10)).date())
    await cut(service, day)
    scheduler, worker = await service.scheduler(), await service.worker()
    lease = await service.leased_one(scheduler, worker, id=id_of(day))
    await service.finish(worker, lease)
    await service.pass_time(lease.job_id, 10 * DAY_SECONDS)
    before = await snapshot(service.raw)
    assert (await service.duty("retain"))["deleted"] == 0
    assert await snapshot(service.raw) == before


async def test_a_settled_job_of_a_day_without_a_partition_goes_too(service: Service) -> None:
    """R13: its rows are in the default partition: deleted singly, more slowly, but deleted."""
    gone = await settled(service, old_day())
    assert (await service.duty("retain"))["deleted"] == 1
    assert await records(service, gone) == (0, 0, 0)


@pytest.mark.parametrize("refused", TABLES)
async def test_a_day_with_one_partition_of_the_two_goes_too(service: Service, refused: str) -> None:
    """R13: the other table's rows of that day are in its default partition."""
    day = old_day()
    (made,) = set(TABLES) - {refused}
    await service.stores.partitions.make(made, day)
    gone = await settled(service, day)
    await service.duty("retain")
    assert await records(service, gone) == (0, 0, 0)
    assert await has_partitions(service, day) == [False, False]


async def test_no_unsettled_job_can_be_deleted(service: Service) -> None:
    """R13: the database itself refuses it, whoever asks."""
    await service.create_one()
    with pytest.raises(asyncpg.PostgresError, match="only a settled job may be deleted"):
        await service.raw.execute("DELETE FROM jobs")


def test_a_day_is_a_range_of_ids() -> None:
    """R13: from its first millisecond to the first of the next day."""
    day = Day(date(2026, 11, 21))
    assert str(day.first) == "01a1fb67-1800-0000-0000-000000000000"
    assert day.first < id_of(day) < day.end == Day(date(2026, 11, 22)).first
