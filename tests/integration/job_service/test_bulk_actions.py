"""Bulk actions over dead letters: each job that matched is dealt with exactly once, and what is not is said."""

from collections.abc import AsyncIterator
from contextlib import suppress
from uuid import UUID

import pytest

from job_service.domain.bulk import BulkState, BulkVerb
from job_service.operations.outcomes import DatabaseError
from job_service.postgres.database import Raw
from shared.contracts.states import JobStatus, Outcome
from shared.runtime.settings import BulkActions
from tests.support.given import Actors
from tests.support.job_service import Service, end_of, open_service
from tests.support.letters import begin_bulk, bulk_of, crank, letters, report_of

RETRIES = """
SELECT job_id, count(*) AS times FROM job_history
WHERE operation = $1 AND actor = 'bulk' AND reason = 'bulk-retried' GROUP BY job_id
"""
LOCK_ONE = "SELECT FROM jobs WHERE id = $1 FOR UPDATE"
REFUSE = """
CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN RAISE EXCEPTION 'refused by the test' USING ERRCODE = 'P0001'; END $$
"""


@pytest.fixture
async def small(service: Service) -> AsyncIterator[Actors]:
    """The same database with chunks of 3 jobs, and a locked job given up after one more round."""
    few = BulkActions(chunk=3, locked_rounds=1)
    async with open_service(service.url, bulk=few) as running:
        yield Actors(running, await running.scheduler(), await running.worker())


async def retries(service: Service, bulk: UUID) -> dict[UUID, int]:
    """How often the action retried each job, by its history."""
    return {row["job_id"]: row["times"] for row in await service.raw.fetch(RETRIES, bulk)}


async def look_now(service: Service) -> None:
    """As if the second between two rounds were over."""
    await service.raw.execute("UPDATE bulk_actions SET look_at = clock_timestamp()")


async def test_all_that_match_are_retried_once_and_the_rest_is_left(small: Actors) -> None:
    service = small.service
    mine = await letters(small, 7, name="mine")
    others = await letters(small, 2, name="other")
    bulk = await crank(service, await begin_bulk(service, name="mi"))
    assert bulk.state is BulkState.DONE
    assert (bulk.matched, bulk.done, bulk.skipped, bulk.failed) == (7, 7, 0, 0)
    assert await retries(service, bulk.id) == {job.id: 1 for job in mine}
    for before in mine:
        job = await service.job(before.id)
        assert (job.status, job.version) == (JobStatus.SCHEDULED, before.version + 1)
        assert job.max_attempts == max(3, job.failures + 1)
    for before in others:
        assert await service.job(before.id) == before


async def test_what_fails_again_is_not_retried_a_second_time(small: Actors) -> None:
    """Also while the action goes on: its jobs are those that were letters when it began."""
    service = small.service
    mine = await letters(small, 8)
    bulk_id = await begin_bulk(service)
    rounds = 0
    while (await bulk_of(service, bulk_id)).finished_at is None:
        await service.duty("run_bulk_actions")
        claimed = await service.claim(small.scheduler)
        if claimed:
            leases = await service.lease(small.worker, claimed)
            ends = [end_of(lease, Outcome.FAILED, retry=False) for lease in leases]
            await service.report(small.worker, ends=ends)
        rounds += 1
        assert rounds < 20
    assert await retries(service, bulk_id) == {job.id: 1 for job in mine}
    assert {(await service.job(job.id)).status for job in mine} == {JobStatus.FAILED}


async def test_what_failed_after_it_began_does_not_match(small: Actors) -> None:
    before = await letters(small, 2)
    bulk_id = await begin_bulk(small.service)
    after = await letters(small, 2)
    bulk = await crank(small.service, bulk_id)
    assert await retries(small.service, bulk.id) == {job.id: 1 for job in before}
    assert (await small.service.job(after[0].id)).status is JobStatus.FAILED


async def test_a_job_that_changed_since_it_matched_is_left_alone(small: Actors) -> None:
    """A client retried it, and it failed again: that is another letter than the one that matched."""
    service = small.service
    changed, kept = await letters(small, 2)
    bulk_id = await begin_bulk(service)
    await service.duty("run_bulk_actions")
    await service.operations.change.schedule_now(changed.id, None, [JobStatus.FAILED])
    (lease,) = await service.lease(small.worker, await service.claim(small.scheduler))
    await service.finish(small.worker, lease, Outcome.FAILED, retry=False)
    bulk = await crank(service, bulk_id)
    assert (bulk.matched, bulk.done, bulk.skipped) == (2, 1, 1)
    assert await retries(service, bulk_id) == {kept.id: 1}
    assert await report_of(service, bulk_id) == {
        changed.id: ("skipped", "changed"),
        kept.id: ("done", None),
    }


async def test_a_deleted_job_is_skipped(small: Actors) -> None:
    service = small.service
    gone, kept = await letters(small, 2)
    bulk_id = await begin_bulk(service)
    await service.duty("run_bulk_actions")
    await service.operations.delete.delete(gone.id)
    await crank(service, bulk_id)
    report = await report_of(service, bulk_id)
    assert report == {gone.id: ("skipped", "deleted"), kept.id: ("done", None)}


async def test_a_locked_job_is_not_waited_for_and_comes_later(small: Actors) -> None:
    service = small.service
    mine = await letters(small, 5)
    bulk_id = await begin_bulk(service)
    other = await service.connect()
    async with other.transaction():
        await other.execute(LOCK_ONE, mine[2].id)
        bulk = await crank(service, bulk_id, rounds=4)
        assert (bulk.state, bulk.done) == (BulkState.RUNNING, 4)
    await look_now(service)
    bulk = await crank(service, bulk_id, rounds=3)
    assert (bulk.state, bulk.done, bulk.skipped) == (BulkState.DONE, 5, 0)
    assert await retries(service, bulk_id) == {job.id: 1 for job in mine}


async def test_a_job_that_stays_locked_is_given_up(small: Actors) -> None:
    service = small.service
    mine = await letters(small, 2)
    bulk_id = await begin_bulk(service)
    other = await service.connect()
    async with other.transaction():
        await other.execute(LOCK_ONE, mine[0].id)
        await crank(service, bulk_id, rounds=3)
        await look_now(service)
        bulk = await crank(service, bulk_id, rounds=3)
    assert (bulk.state, bulk.done, bulk.skipped) == (BulkState.DONE, 1, 1)
    assert (await report_of(service, bulk_id))[mine[0].id] == ("skipped", "locked")


async def test_a_job_whose_ordering_key_is_locked_comes_later_and_keeps_nobody(
    small: Actors,
) -> None:
    service = small.service
    keyed = (await letters(small, 1, ordering_key="k"))[0]
    free = await letters(small, 3)
    other = await service.create_one(ordering_key="k", in_seconds=500)
    bulk_id = await begin_bulk(service)
    stranger = await service.connect()
    async with stranger.transaction():
        await stranger.execute("SELECT FROM ordering_keys FOR UPDATE")
        bulk = await crank(service, bulk_id, rounds=8)
        assert (bulk.state, bulk.done) == (BulkState.RUNNING, 3)
        assert set(await retries(service, bulk_id)) == {job.id for job in free}
    await look_now(service)
    bulk = await crank(service, bulk_id, rounds=3)
    assert (bulk.state, bulk.done) == (BulkState.DONE, 4)
    assert (await service.job(keyed.id)).status is JobStatus.SCHEDULED
    assert (await service.job(other.id)).status is JobStatus.CREATED


async def test_two_replicas_never_work_on_one_action_at_once(small: Actors) -> None:
    service = small.service
    mine = await letters(small, 6)
    bulk_id = await begin_bulk(service)
    await service.duty("run_bulk_actions")
    other = await service.connect()
    async with other.transaction():
        assert (await service.inside(other).duty("run_bulk_actions"))["done"] == 3
        assert (await service.duty("run_bulk_actions"))["more"] == 0
    bulk = await crank(service, bulk_id)
    assert (bulk.matched, bulk.done, bulk.skipped) == (6, 6, 0)
    assert await retries(service, bulk_id) == {job.id: 1 for job in mine}


@pytest.mark.parametrize("table", ["bulk_action_jobs", "bulk_actions"])
async def test_a_chunk_that_does_not_end_has_done_nothing(small: Actors, table: str) -> None:
    """Transitions, report and position are committed together: whichever is refused, none has happened."""
    service = small.service
    mine = await letters(small, 4)
    bulk_id = await begin_bulk(service)
    await service.duty("run_bulk_actions")
    await service.raw.execute(REFUSE)
    on = f"CREATE TRIGGER refused BEFORE UPDATE ON {table} FOR EACH STATEMENT EXECUTE FUNCTION refuse()"
    await service.raw.execute(on)
    for _ in range(4):
        with suppress(DatabaseError):
            await service.duty("run_bulk_actions")
    assert await retries(service, bulk_id) == {}
    for job in mine:
        assert await service.job(job.id) == job
    await service.raw.execute(f"DROP TRIGGER refused ON {table}")
    bulk = await crank(service, bulk_id)
    assert (bulk.done, bulk.failed) == (4, 0)
    assert await retries(service, bulk_id) == {job.id: 1 for job in mine}


async def test_a_job_that_the_database_refuses_fails_alone(small: Actors) -> None:
    service = small.service
    mine = await letters(small, 6)
    await _refuse_changes_of(service.raw, mine[2].id)
    bulk = await crank(service, await begin_bulk(service))
    assert (bulk.state, bulk.done, bulk.failed) == (BulkState.DONE, 5, 1)
    outcome, note = (await report_of(service, bulk.id))[mine[2].id]
    assert outcome == "failed"
    assert note is not None
    assert "refused by the test" in note


async def _refuse_changes_of(raw: Raw, job_id: UUID) -> None:
    await raw.execute(REFUSE)
    await raw.execute(
        f"""CREATE TRIGGER refused BEFORE UPDATE ON jobs FOR EACH ROW
            WHEN (NEW.id = '{job_id}') EXECUTE FUNCTION refuse()"""
    )


async def test_a_stopped_action_does_nothing_more(small: Actors) -> None:
    service = small.service
    mine = await letters(small, 5)
    bulk_id = await begin_bulk(service)
    await crank(service, bulk_id, rounds=2)
    stopped = await service.stores.bulks.stop(bulk_id)
    assert stopped is not None
    assert (stopped.state, stopped.done) == (BulkState.STOPPED, 3)
    bulk = await crank(service, bulk_id, rounds=3)
    assert (bulk.state, bulk.done) == (BulkState.STOPPED, 3)
    assert len(await retries(service, bulk_id)) == 3
    assert list((await report_of(service, bulk_id)).values()).count((None, None)) == len(mine) - 3
    assert await service.stores.bulks.stop(bulk_id) is None


async def test_a_refusal_after_a_stop_does_not_open_it_again(small: Actors) -> None:
    service = small.service
    (job,) = await letters(small, 1)
    bulk_id = await begin_bulk(service)
    await service.duty("run_bulk_actions")
    await service.stores.bulks.stop(bulk_id)
    await service.stores.chunks.give_up(bulk_id, job.id, "late")
    await service.stores.chunks.set_aside(bulk_id, job.id, 1)
    bulk = await bulk_of(service, bulk_id)
    assert (bulk.state, bulk.failed, bulk.skipped) == (BulkState.STOPPED, 0, 0)


@pytest.mark.parametrize(
    ("verb", "dry_run"),
    [(BulkVerb.RETRY, True), (BulkVerb.ABANDON, True), (BulkVerb.EXPORT, False)],
)
async def test_a_dry_run_and_an_export_only_find_them(
    small: Actors, verb: BulkVerb, dry_run: bool
) -> None:
    service = small.service
    mine = await letters(small, 4)
    bulk = await crank(service, await begin_bulk(service, verb, dry_run=dry_run))
    assert (bulk.state, bulk.matched, bulk.done) == (BulkState.DONE, 4, 0)
    assert set(await report_of(service, bulk.id)) == {job.id for job in mine}
    for job in mine:
        assert await service.job(job.id) == job


async def test_abandoned_in_bulk(small: Actors) -> None:
    service = small.service
    mine = await letters(small, 4)
    bulk = await crank(service, await begin_bulk(service, BulkVerb.ABANDON))
    assert (bulk.matched, bulk.done) == (4, 4)
    for before in mine:
        rows = await service.stores.jobs.history_of(before.id)
        last = rows[-1]
        assert (last["to_status"], last["reason"], last["actor"], last["operation"]) == (
            "ABANDONED",
            "bulk-abandoned",
            "bulk",
            bulk.id,
        )


async def test_no_more_than_it_may_take(small: Actors) -> None:
    service = small.service
    mine = await letters(small, 5)
    bulk = await crank(service, await begin_bulk(service, most_jobs=2))
    assert (bulk.state, bulk.matched, bulk.done) == (BulkState.DONE, 2, 2)
    assert set(await retries(service, bulk.id)) == {job.id for job in mine[-2:]}


async def test_open_actions_take_turns(small: Actors) -> None:
    service = small.service
    await letters(small, 6, name="a")
    await letters(small, 6, name="b")
    first = await begin_bulk(service, name="a")
    second = await begin_bulk(service, name="b")
    for _ in range(4):
        await service.duty("run_bulk_actions")
    assert [(await bulk_of(service, one)).done for one in (first, second)] == [3, 3]
    assert (await crank(service, second)).done == 6


async def test_ended_actions_are_forgotten_with_their_reports(small: Actors) -> None:
    service = small.service
    await letters(small, 3)
    old, opened = await begin_bulk(service), await begin_bulk(service)
    await crank(service, old)
    assert await service.stores.bulks.forget(60.0, 100) == 0
    await service.raw.execute(
        "UPDATE bulk_actions SET finished_at = finished_at - interval '1 hour' WHERE id = $1", old
    )
    assert await service.stores.bulks.forget(60.0, 2) == 2
    assert await service.stores.bulks.forget(60.0, 2) == 2
    assert await service.stores.bulks.get(old) is None
    assert await service.stores.bulks.get(opened) is not None
    assert await report_of(service, old) == {}
