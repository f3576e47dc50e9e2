"""A job that somebody keeps locked holds up itself, and not the batch that it is in."""

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from uuid import UUID

import pytest

from job_service.operations.outcomes import Busy
from shared.contracts.leases import Decision, DeclineReason, LeaseItem, LeaseReply, LeaseRequest
from shared.contracts.reports import ReportReply, Verdict
from shared.contracts.way import Stamps
from tests.support.given import Actors
from tests.support.job_service import AHEAD, Attempt, end_of, start_of
from tests.support.waiting import until

JOBS = 5


@asynccontextmanager
async def _kept_locked(actors: Actors, job_id: UUID) -> AsyncIterator[None]:
    other = await actors.service.connect()
    async with other.transaction():
        await other.execute("SELECT FROM jobs WHERE id = $1 FOR UPDATE", job_id)
        yield


async def _ask(
    actors: Actors, attempts: Sequence[Attempt], decline: DeclineReason | None = None
) -> LeaseReply:
    items = [LeaseItem(job_id=a.job_id, attempt=a.attempt, decline=decline) for a in attempts]
    request = LeaseRequest(node=actors.worker, items=items)
    return await actors.service.operations.leases.lease(request)


@pytest.mark.parametrize(
    ("decline", "decision"),
    [(None, Decision.GRANTED), (DeclineReason.NO_SLOT, Decision.DECLINED)],
)
async def test_the_others_of_a_lease_are_decided(
    actors: Actors, decline: DeclineReason | None, decision: Decision
) -> None:
    """R1: the locked one has no answer; it is decided when it is asked for after the lock is gone."""
    await actors.service.create(JOBS)
    claimed = await actors.service.claim(actors.scheduler)
    busy = claimed[2]
    async with _kept_locked(actors, busy.job_id):
        for _ in range(2):  # the second time it is left out without waiting for its lock
            reply = await _ask(actors, claimed, decline)
            told = {lease.job_id: lease.decision for lease in reply.leases}
            assert busy.job_id not in told
            assert len(told) == JOBS - 1
            claimed = [busy, *[c for c in claimed if c is not busy]]
        assert set(told.values()) == {decision}

    async def decided() -> bool:
        again = await _ask(actors, [busy], decline)
        return [lease.decision for lease in again.leases] == [decision]

    await until(decided, what="the one that was locked to be decided")


@pytest.mark.parametrize("held", [False, True])
async def test_the_others_of_a_report_are_applied(actors: Actors, held: bool) -> None:
    """R3: the locked one is named as untold, its start too; told again it is accepted."""
    service = actors.service
    await service.create(JOBS, in_seconds=AHEAD if held else None)
    leases = await service.lease(actors.worker, await service.claim(actors.scheduler))
    busy, *others = leases

    async def report(of: Sequence[Attempt]) -> ReportReply:
        starts = [start_of(a) for a in of] if held else []
        return await service.report(actors.worker, starts=starts, ends=[end_of(a) for a in of])

    async with _kept_locked(actors, busy.job_id):
        reply = await report(leases)
    assert [(ref.job_id, ref.attempt) for ref in reply.untold] == [(busy.job_id, busy.attempt)]
    assert [answer.job_id for answer in reply.ends] == [a.job_id for a in others]
    assert {answer.verdict for answer in reply.ends} == {Verdict.ACCEPTED}

    async def accepted() -> bool:
        again = await report([busy])
        return [answer.verdict for answer in again.ends] == [Verdict.ACCEPTED]

    await until(accepted, what="the one that was locked to be accepted")
    jobs = await service.stores.jobs.by_ids([a.job_id for a in leases])
    assert {job.status.value for job in jobs.values()} == {"SUCCESS"}


async def test_whoever_is_locked_is_named_and_nobody_else(actors: Actors) -> None:
    """Jobs that are not there are not busy either: they are refused, not asked for again and again."""
    await actors.service.create(2)
    free, busy = await actors.service.claim(actors.scheduler)
    items = [
        (free.job_id, 1, free.job_id, Stamps()),
        (busy.job_id, 1, busy.job_id, Stamps()),
        (UUID(int=7), 1, UUID(int=7), Stamps()),
    ]
    async with _kept_locked(actors, busy.job_id):
        with pytest.raises(Busy) as met:
            await actors.service.stores.leases.lease(actors.worker, items)
    assert met.value.jobs == {busy.job_id}
