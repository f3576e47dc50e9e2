"""Only the node and attempt that hold a job may start, end or give it back; what comes too late is kept as a
note (G4, section 4.7)."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any
from uuid import UUID

import asyncpg
import pytest

from shared.contracts.leases import Lease
from shared.contracts.reports import Verdict
from shared.contracts.states import JobStatus, Outcome
from tests.support.job_service import AHEAD, Attempt, Service, end_of, ref, start_of
from tests.support.snapshots import snapshot

Write = Callable[[Service, UUID, Attempt], Awaitable[Any]]


async def _finish(service: Service, node: UUID, attempt: Attempt) -> None:
    await service.finish(node, attempt, result={"from": "a stranger"})


async def _cancelled(service: Service, node: UUID, attempt: Attempt) -> None:
    await service.finish(node, attempt, Outcome.CANCELLED)


async def _release(service: Service, node: UUID, attempt: Attempt) -> None:
    assert await service.release(node, [attempt]) == []


async def _start(service: Service, node: UUID, attempt: Attempt) -> None:
    await service.start(node, attempt)


WRITES = pytest.mark.parametrize("write", [_finish, _cancelled, _release, _start])
WHEN = pytest.mark.parametrize("in_seconds", [None, AHEAD], ids=["running", "held"])


@WRITES
@WHEN
async def test_another_node_changes_nothing(
    service: Service, write: Write, in_seconds: float | None
) -> None:
    """R10: with the right attempt but from a node that does not hold it, a write has no effect at all."""
    scheduler, worker, another = (
        await service.scheduler(),
        await service.worker(),
        await service.worker(),
    )
    lease = await service.leased_one(scheduler, worker, in_seconds=in_seconds)
    before = await snapshot(service.raw)
    await write(service, another, lease)
    assert await snapshot(service.raw) == before


@WRITES
@WHEN
async def test_an_old_attempt_changes_nothing(
    service: Service, write: Write, in_seconds: float | None
) -> None:
    """R10: the very same node, which holds the job again, writes for an attempt that is over."""
    scheduler, worker = await service.scheduler(), await service.worker()
    old = await service.leased_one(scheduler, worker, in_seconds=in_seconds)
    await service.release(worker, [old])
    (claimed,) = await service.claim(scheduler)
    await service.lease(worker, [claimed])
    before = await snapshot(service.raw, without=["executions"])
    await write(service, worker, old)
    assert await snapshot(service.raw, without=["executions"]) == before
    current = (await service.stores.jobs.executions_of(old.job_id))[-1]
    assert current["status"] == ("RUNNING" if in_seconds is None else "HELD")
    assert current["notes"] == []


@WRITES
async def test_a_future_attempt_changes_nothing(service: Service, write: Write) -> None:
    """R10: an attempt that was never granted is nobody's, a forged one too."""
    scheduler, worker = await service.scheduler(), await service.worker()
    lease = await service.leased_one(scheduler, worker)
    before = await snapshot(service.raw)
    await write(service, worker, ref(lease, 7))
    assert await snapshot(service.raw) == before


async def test_the_same_report_twice_is_answered_already(service: Service) -> None:
    """R3: the worker that never heard the answer repeats its report, and nothing is recorded twice."""
    scheduler, worker = await service.scheduler(), await service.worker()
    lease = await service.leased_one(scheduler, worker)
    end = end_of(lease, result={"n": 1})
    (first,) = (await service.report(worker, ends=[end])).ends
    before = await snapshot(service.raw)
    (second,) = (await service.report(worker, ends=[end])).ends
    assert (first.verdict, second.verdict) == (Verdict.ACCEPTED, Verdict.ALREADY)
    assert second.status == JobStatus.SUCCESS
    assert await snapshot(service.raw) == before


async def test_the_same_report_beside_itself_is_recorded_once(service: Service) -> None:
    """R3: both on their way at once: one accepted, one already."""
    scheduler, worker = await service.scheduler(), await service.worker()
    lease = await service.leased_one(scheduler, worker)
    end = end_of(lease)
    other = await service.connect()
    async with other.transaction():
        first = await service.inside(other).report(worker, ends=[end])
        second = asyncio.create_task(service.report(worker, ends=[end]))
        await service.until_blocked()
    assert first.ends[0].verdict is Verdict.ACCEPTED
    assert (await second).ends[0].verdict is Verdict.ALREADY
    assert (await service.job(lease.job_id)).version == 3


async def test_a_report_twice_is_already_after_the_job_went_on(service: Service) -> None:
    """R3: a failure that was accepted is "already" even while the next attempt runs."""
    scheduler, worker = await service.scheduler(), await service.worker()
    lease = await service.leased_one(scheduler, worker)
    end = end_of(lease, Outcome.FAILED, retry_after_seconds=0)
    await service.report(worker, ends=[end])
    await service.lease(worker, await service.claim(scheduler))
    (again,) = (await service.report(worker, ends=[end])).ends
    assert (again.verdict, again.status) == (Verdict.ALREADY, JobStatus.RUNNING)
    assert (await service.job(lease.job_id)).failures == 1


async def _notes(service: Service, lease: Lease) -> list[Any]:
    return list((await service.stores.jobs.executions_of(lease.job_id))[0]["notes"])


async def test_a_report_after_the_reap_is_late_and_noted_once(service: Service) -> None:
    """R3: 409 is a definite answer too; the report is kept as a ZOMBIE note, however often it comes."""
    scheduler, worker = await service.scheduler(), await service.worker()
    lease = await service.leased_one(scheduler, worker)
    await service.kill(worker)
    before = await snapshot(service.raw, without=["executions"])
    end = end_of(lease, result={"late": True})
    for _ in range(3):
        (answer,) = (await service.report(worker, ends=[end])).ends
        assert (answer.verdict, answer.problem) == (Verdict.LATE, 409)
    assert await snapshot(service.raw, without=["executions"]) == before
    (note,) = await _notes(service, lease)
    assert (note["kind"], note["outcome"], note["node"]) == ("ZOMBIE", "SUCCESS", str(worker))


async def test_each_other_late_report_has_its_own_note(service: Service) -> None:
    """R3: two outcomes told too late are two notes."""
    scheduler, worker = await service.scheduler(), await service.worker()
    lease = await service.leased_one(scheduler, worker)
    await service.kill(worker)
    await service.finish(worker, lease, result=1)
    await service.finish(worker, lease, result=2)
    assert len(await _notes(service, lease)) == 2


async def test_another_outcome_after_the_accepted_one_is_late(service: Service) -> None:
    """R3: one result is recorded (G4); a second, different one is no repeat."""
    scheduler, worker = await service.scheduler(), await service.worker()
    lease = await service.leased_one(scheduler, worker)
    await service.finish(worker, lease, result={"n": 1})
    answer = await service.finish(worker, lease, result={"n": 2})
    assert answer.verdict is Verdict.LATE
    assert (await service.job(lease.job_id)).result == {"n": 1}
    assert len(await _notes(service, lease)) == 1


async def test_a_stranger_leaves_no_note(service: Service) -> None:
    """R10: a report from a node that never had the attempt is refused without a trace on the execution."""
    scheduler, worker, another = (
        await service.scheduler(),
        await service.worker(),
        await service.worker(),
    )
    lease = await service.leased_one(scheduler, worker)
    answer = await service.finish(another, lease)
    assert answer.verdict is Verdict.LATE
    assert await _notes(service, lease) == []


async def test_start_and_end_in_one_report_are_two_transitions(service: Service) -> None:
    """R24: a short handler's start comes with its end; history has both, `startedAt` is the handler's."""
    scheduler, worker = await service.scheduler(), await service.worker()
    lease = await service.leased_one(scheduler, worker, in_seconds=AHEAD)
    start = start_of(lease)
    await service.report(worker, starts=[start], ends=[end_of(lease, started_at=start.started_at)])
    assert [h[2:] for h in await service.history(lease.job_id)] == [
        ("CREATED", "created"),
        ("SCHEDULED", "claimed"),
        ("SCHEDULED", "held"),
        ("RUNNING", "started"),
        ("SUCCESS", "succeeded"),
    ]
    assert (await service.job(lease.job_id)).started_at == start.started_at


async def test_a_repeated_start_changes_nothing(service: Service) -> None:
    """R3: starts are repeated like ends until they are answered."""
    scheduler, worker = await service.scheduler(), await service.worker()
    lease = await service.leased_one(scheduler, worker, in_seconds=AHEAD)
    start = start_of(lease)
    await service.report(worker, starts=[start])
    before = await snapshot(service.raw)
    await service.report(worker, starts=[start])
    assert await snapshot(service.raw) == before


async def test_a_held_job_that_never_started_does_not_succeed(service: Service) -> None:
    """R10: SUCCESS without a start is no edge of the table."""
    scheduler, worker = await service.scheduler(), await service.worker()
    lease = await service.leased_one(scheduler, worker, in_seconds=AHEAD)
    answer = await service.finish(worker, lease)
    assert answer.verdict is Verdict.LATE
    assert (await service.job(lease.job_id)).status is JobStatus.SCHEDULED


async def test_the_database_refuses_what_the_table_of_states_does_not_know(
    service: Service,
) -> None:
    """R17: whatever writes there: a terminal state is not left, no version is skipped, no edge invented."""
    scheduler, worker = await service.scheduler(), await service.worker()
    lease = await service.leased_one(scheduler, worker)
    await service.finish(worker, lease)
    before = await snapshot(service.raw)
    for change in (
        "status = 'RUNNING', prev_status = status, version = version + 1",
        "version = version + 1, prev_status = status",
        "version = version + 2",
        "version = version - 1",
        "attempt = attempt + 1",
    ):
        with pytest.raises(asyncpg.PostgresError, match="illegal change"):
            await service.raw.execute(f"UPDATE jobs SET {change}")
    assert await snapshot(service.raw) == before
