"""R10: a guard that fails leaves every table as it was."""

from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from job_service.domain.job import Job
from job_service.domain.wanted import Change
from job_service.operations.problems import (
    IllegalTransition,
    LeaseLost,
    NotFound,
    Problem,
    VersionConflict,
)
from shared.contracts.leases import DeclineReason, LeaseItem, LeaseRequest
from shared.contracts.states import JobStatus
from shared.kernel.ids import new_id
from tests.support.given import (
    Actors,
    cancelled,
    claimed,
    created,
    dead_letter,
    failed,
    held,
    running,
    succeeded,
)
from tests.support.job_service import Service, seconds_from_now
from tests.support.snapshots import snapshot

RELABEL = Change(None, None, None, '{"a": "b"}')
OTHER_BAND = Change(None, 90, 0, None)


def later() -> Change:
    return Change(seconds_from_now(500), None, None, None)


Given = Callable[[Actors], Awaitable[Job]]
Act = Callable[[Service, Job], Awaitable[Any]]

STALE: dict[str, tuple[Given, Act]] = {
    "cancel": (created, lambda s, j: s.operations.change.cancel(j.id, j.version - 1)),
    "cancel what failed": (failed, lambda s, j: s.operations.change.cancel(j.id, j.version - 1)),
    "reschedule": (created, lambda s, j: s.operations.change.change(j.id, j.version - 1, later())),
    "reschedule a claimed job": (
        claimed,
        lambda s, j: s.operations.change.change(j.id, j.version - 1, later()),
    ),
    "reprioritise": (
        created,
        lambda s, j: s.operations.change.change(j.id, j.version - 1, OTHER_BAND),
    ),
    "make due": (
        created,
        lambda s, j: s.operations.change.schedule_now(j.id, j.version - 1, [JobStatus.CREATED]),
    ),
    "retry": (
        dead_letter,
        lambda s, j: s.operations.change.schedule_now(j.id, j.version - 1, [JobStatus.FAILED]),
    ),
    "start by hand": (claimed, lambda s, j: s.operations.change.start_by_hand(j.id, j.version - 1)),
}


@pytest.mark.parametrize("case", STALE)
async def test_a_stale_version_moves_nothing(actors: Actors, case: str) -> None:
    """R10: a stale If-Match moves no `due` row, frees no claim and writes no history."""
    given, act = STALE[case]
    job = await given(actors)
    before = await snapshot(actors.service.raw)
    with pytest.raises(VersionConflict) as conflict:
        await act(actors.service, job)
    assert conflict.value.facts == {"expected": job.version - 1, "actual": job.version}
    assert await snapshot(actors.service.raw) == before


ILLEGAL: dict[str, tuple[Given, Act, type[Problem]]] = {
    "cancel a success": (
        succeeded,
        lambda s, j: s.operations.change.cancel(j.id),
        IllegalTransition,
    ),
    "cancel twice": (cancelled, lambda s, j: s.operations.change.cancel(j.id), IllegalTransition),
    "reschedule a held job": (
        held,
        lambda s, j: s.operations.change.change(j.id, j.version, later()),
        IllegalTransition,
    ),
    "relabel a running job": (
        running,
        lambda s, j: s.operations.change.change(j.id, j.version, RELABEL),
        IllegalTransition,
    ),
    "reschedule a dead letter": (
        dead_letter,
        lambda s, j: s.operations.change.change(j.id, j.version, later()),
        IllegalTransition,
    ),
    "retry what did not fail": (
        created,
        lambda s, j: s.operations.change.schedule_now(j.id, None, [JobStatus.FAILED]),
        IllegalTransition,
    ),
    "make a held job due": (
        held,
        lambda s, j: s.operations.change.schedule_now(j.id, None, list(JobStatus)),
        IllegalTransition,
    ),
    "start a held job by hand": (
        held,
        lambda s, j: s.operations.change.start_by_hand(j.id, None),
        IllegalTransition,
    ),
    "start a created job by hand": (
        created,
        lambda s, j: s.operations.change.start_by_hand(j.id, None),
        IllegalTransition,
    ),
    "end a worker's attempt by hand": (
        running,
        lambda s, j: s.operations.change.end_by_hand(j.id, None, JobStatus.SUCCESS, "guess"),
        LeaseLost,
    ),
    "cancel nothing": (created, lambda s, j: s.operations.change.cancel(new_id()), NotFound),
}


@pytest.mark.parametrize("case", ILLEGAL)
async def test_an_illegal_change_moves_nothing(actors: Actors, case: str) -> None:
    """R10: where the state table has no such way there is no effect, and the answer says so."""
    given, act, problem = ILLEGAL[case]
    job = await given(actors)
    before = await snapshot(actors.service.raw)
    with pytest.raises(problem):
        await act(actors.service, job)
    assert await snapshot(actors.service.raw) == before


async def _decline(service: Service, job: Job) -> None:
    attempt = max(1, job.attempt)
    item = LeaseItem(job_id=job.id, attempt=attempt, decline=DeclineReason.NO_SLOT)
    await service.operations.leases.lease(LeaseRequest(node=await service.worker(), items=[item]))


async def _wrong_lease(service: Service, job: Job) -> None:
    item = LeaseItem(job_id=job.id, attempt=job.attempt + 1)
    await service.operations.leases.lease(LeaseRequest(node=await service.worker(), items=[item]))


async def _duties(service: Service, _: Job) -> None:
    for name in ("reap", "reconcile", "end_overdue", "expire"):
        await service.duty(name)


async def _claim(service: Service, _: Job) -> None:
    await service.claim(await service.scheduler())


NOTHING_TO_DO: dict[str, tuple[Given, Act]] = {
    "decline a running job": (running, _decline),
    "decline a held job": (held, _decline),
    "decline a created job": (created, _decline),
    "lease a wrong attempt": (claimed, _wrong_lease),
    "lease a cancelled job": (cancelled, _wrong_lease),
    "duties over a created job": (created, _duties),
    "duties over a claimed job": (claimed, _duties),
    "duties over a held job": (held, _duties),
    "duties over a running job": (running, _duties),
    "duties over a failed job": (failed, _duties),
    "claim of what is not due": (created, _claim),
    "claim during back-off": (failed, _claim),
    "claim of a claimed job": (claimed, _claim),
    "claim of a dead letter": (dead_letter, _claim),
}


@pytest.mark.parametrize("case", NOTHING_TO_DO)
async def test_a_guard_that_does_not_hold_has_no_side_effects(actors: Actors, case: str) -> None:
    """R10: what finds nothing to do writes nothing."""
    given, act = NOTHING_TO_DO[case]
    job = await given(actors)
    await actors.service.end_amnesty()
    before = await snapshot(actors.service.raw)
    await act(actors.service, job)
    assert await snapshot(actors.service.raw) == before
