"""The verdict of the fault tests finds each kind of broken promise: a judge that cannot say no proves
nothing."""

import time
from collections.abc import AsyncIterator
from uuid import UUID

import pytest

from shared.contracts.states import Outcome
from tests.support.job_service import Service, open_service
from tests.support.sink import Told
from tests.support.verdict import Verdict, judge_database

WITHOUT_TRIGGERS = "SET session_replication_role = replica"
SECOND_EXECUTION = """
INSERT INTO executions (job_id, attempt, id, node, status, due_at, leased_at, started_at, ended_at)
SELECT job_id, attempt + 7, gen_random_uuid(), node, 'SUCCESS', due_at, leased_at, started_at, ended_at
FROM executions LIMIT 1
"""
SECOND_SUCCESS = """
INSERT INTO job_history (job_id, version, from_status, to_status, attempt, node, at, reason, actor)
SELECT job_id, version + 1, 'SUCCESS', 'SUCCESS', attempt, node, at, reason, actor
FROM job_history ORDER BY version DESC LIMIT 1
"""
SECOND_ATTEMPT = """
UPDATE executions SET ended_at = leased_at + interval '1 hour' WHERE attempt = 1 AND job_id = (
    SELECT job_id FROM executions WHERE attempt = 2)
"""
IN_THE_BOOKS = None
"""Told by tests/support/books.py, in no words of ours."""
BROKEN = {
    "a lost job": ("DELETE FROM jobs WHERE id = (SELECT id FROM jobs LIMIT 1)", "is gone"),
    "an unknown job": (
        "UPDATE jobs SET id = gen_random_uuid() WHERE id = (SELECT id FROM jobs LIMIT 1)",
        "is gone",
    ),
    "an unsettled job": (
        "UPDATE jobs SET status = 'RUNNING' WHERE id = (SELECT id FROM jobs LIMIT 1)",
        "not settled",
    ),
    "a gap in history": ("DELETE FROM job_history WHERE version = 2", IN_THE_BOOKS),
    "a cut history": ("DELETE FROM job_history WHERE to_status = 'SUCCESS'", IN_THE_BOOKS),
    "an illegal edge": (
        "UPDATE job_history SET to_status = 'CANCELLED' WHERE version = 0",
        IN_THE_BOOKS,
    ),
    "accepted twice": (SECOND_SUCCESS, IN_THE_BOOKS),
    "a narrow row too many": (
        """INSERT INTO due (job_id, job_type, band, dispatch_at)
           SELECT id, job_type, band, dispatch_at FROM jobs LIMIT 1""",
        IN_THE_BOOKS,
    ),
    "a wrong count": (
        "INSERT INTO job_count_deltas (status, delta) VALUES ('SUCCESS', 1)",
        IN_THE_BOOKS,
    ),
    "an execution without a lease": (SECOND_EXECUTION, "differ over who leased"),
    "a lease without an execution": (
        "DELETE FROM executions WHERE attempt = 1",
        "differ over who leased",
    ),
    "an execution by another node": (
        "UPDATE executions SET node = gen_random_uuid()",
        "differ over who leased",
    ),
    "an execution without end": (
        "UPDATE executions SET ended_at = NULL WHERE status = 'SUCCESS'",
        "without end",
    ),
    "a wrong outcome": ("UPDATE executions SET status = 'LOST'", "wrong winner"),
    "overlapping attempts": (SECOND_ATTEMPT, "overlap"),
    "an early start": (
        "UPDATE executions SET started_at = due_at - interval '1 ms'",
        "started before due",
    ),
}


@pytest.fixture
async def service(database_url: str) -> AsyncIterator[Service]:
    async with open_service(database_url) as running:
        yield running


async def _run(service: Service) -> tuple[list[UUID], list[Told]]:
    """Two jobs that end well, one of them after its first worker was lost; ids, and what a sink heard."""
    scheduler = await service.scheduler()
    lost, worker = await service.worker(), await service.worker()
    told = []
    (first,) = await service.leased(scheduler, lost)
    told.append(Told(first.job_id, first.attempt, time.time()))
    await service.kill(lost)
    await service.create()
    for lease in await service.lease(worker, await service.claim(scheduler)):
        told.append(Told(lease.job_id, lease.attempt, time.time()))
        await service.finish(worker, lease, Outcome.SUCCESS)
    return list({line.job for line in told}), told


async def _judge(service: Service, ids: list[UUID], told: list[Told]) -> Verdict:
    return await judge_database(service.url, ids, healed_at=time.time(), told=told)


async def test_it_counts_what_happened(service: Service) -> None:
    """And finds nothing wrong where nothing is."""
    ids, told = await _run(service)
    verdict = await _judge(service, ids, told)
    assert (verdict.jobs, verdict.attempts, verdict.lost, verdict.again) == (2, 3, 1, 1)


@pytest.mark.parametrize("broken", BROKEN)
async def test_it_finds(service: Service, broken: str) -> None:
    """Each promise, broken in the database behind job_service's back."""
    ids, told = await _run(service)
    await service.raw.execute(WITHOUT_TRIGGERS)
    statement, promise = BROKEN[broken]
    done = await service.raw.execute(statement)
    assert int(done.split()[-1]) > 0, "the test broke nothing"
    with pytest.raises(AssertionError, match=promise):
        await _judge(service, ids, told)


@pytest.mark.parametrize("lie", ["twice", "unknown attempt", "early", "silent"])
async def test_it_hears_what_the_sink_says(service: Service, lie: str) -> None:
    """G2 and G5 by the outside witness."""
    ids, told = await _run(service)
    last = told[-1]
    wrong = {
        "twice": [*told, last],
        "unknown attempt": [*told, Told(last.job, last.attempt + 5, last.received_at)],
        "early": [*told[:-1], Told(last.job, last.attempt, last.received_at - 60)],
        "silent": told[:-1],
    }[lie]
    with pytest.raises(AssertionError):
        await _judge(service, ids, wrong)


async def test_it_misses_no_job_that_clients_were_told_of(service: Service) -> None:
    """One id more than there are jobs, and one id for two creates."""
    ids, told = await _run(service)
    for wrong in ([*ids, UUID(int=1)], [*ids, ids[0]], ids[:1]):
        with pytest.raises(AssertionError):
            await _judge(service, wrong, told)
