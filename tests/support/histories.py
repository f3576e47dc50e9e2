"""One job for every kind of history that the product writes, made by its own operations.

Each function makes one job and leaves it where its name says. Together they take every edge of the table of
states that is built, for every reason; a test counts them.
"""

import json
from collections.abc import Awaitable, Callable
from uuid import UUID

from job_service.domain.bulk import BulkVerb
from job_service.domain.wanted import Change
from shared.contracts.leases import DeclineReason, LeaseItem, LeaseRequest
from shared.contracts.reports import FAILURES
from shared.contracts.states import JobStatus as S
from shared.contracts.states import Outcome
from tests.support.given import Actors
from tests.support.job_service import AHEAD, DUMMY, end_of, seconds_from_now, start_of
from tests.support.letters import begin_bulk, crank

LONG = 1_000.0
PAST_DEADLINE = 100.0
"""Seconds after which an attempt of `Service.worker` is past its time-out and the grace."""
RESULT = {
    "text": "grün – 日本 \u2028",
    "n": [1, -2.5, 1e-7, True, None],
    "deep": {"b": {}, "a": []},
}

Make = Callable[[Actors], Awaitable[UUID]]


async def _running(actors: Actors, **fields: object) -> UUID:
    return (await actors.service.leased_one(actors.scheduler, actors.worker, **fields)).job_id


async def _held(actors: Actors) -> UUID:
    return await _running(actors, in_seconds=AHEAD)


async def _ends(actors: Actors, job_id: UUID, outcome: Outcome, **fields: object) -> UUID:
    job = await actors.service.job(job_id)
    item = LeaseItem(job_id=job.id, attempt=job.attempt)
    await actors.service.finish(actors.worker, item, outcome, **fields)
    return job_id


async def _again(actors: Actors, job_id: UUID) -> UUID:
    """Its back-off is over: claimed, leased, and well."""
    await actors.service.pass_time(job_id, LONG)
    await actors.service.lease(actors.worker, await actors.service.claim(actors.scheduler))
    return await _ends(actors, job_id, Outcome.SUCCESS)


async def succeeded(actors: Actors) -> UUID:
    return await _ends(actors, await _running(actors), Outcome.SUCCESS, result=RESULT)


async def created(actors: Actors) -> UUID:
    return (await actors.service.create_one(in_seconds=LONG)).id


async def claimed(actors: Actors) -> UUID:
    job = await actors.service.create_one()
    await actors.service.claim(actors.scheduler)
    return job.id


async def declined(actors: Actors) -> UUID:
    """And claimed and run after it."""
    job_id = await claimed(actors)
    item = LeaseItem(job_id=job_id, attempt=1, decline=DeclineReason.UNKNOWN_TYPE)
    request = LeaseRequest(node=actors.worker, items=[item])
    await actors.service.operations.leases.lease(request)
    return await _again(actors, job_id)


async def held_and_started(actors: Actors) -> UUID:
    job_id = await _held(actors)
    await actors.service.pass_time(job_id, AHEAD + 1)
    job = await actors.service.job(job_id)
    item = LeaseItem(job_id=job_id, attempt=job.attempt)
    end = end_of(item, Outcome.SUCCESS, result=[1.5, "x"])
    await actors.service.report(actors.worker, starts=[start_of(item)], ends=[end])
    return job_id


async def failed_and_tried_again(actors: Actors) -> UUID:
    job_id = await _ends(actors, await _running(actors), Outcome.FAILED, error="no")
    return await _again(actors, job_id)


async def failing(actors: Actors) -> UUID:
    return await _ends(actors, await _running(actors), Outcome.FAILED, retry_after_seconds=LONG)


async def dead_letter(actors: Actors) -> UUID:
    return await _ends(actors, await _running(actors), Outcome.FAILED, retry=False)


def failed_because(reason: str, *, asked: bool = False) -> Make:
    """Its worker says why; a client may have asked for its cancel before."""

    async def make(actors: Actors) -> UUID:
        job_id = await _running(actors)
        if asked:
            await actors.service.operations.change.cancel(job_id)
        return await _ends(actors, job_id, Outcome.FAILED, reason=reason, retry=False)

    return make


async def retried_by_hand(actors: Actors) -> UUID:
    job_id = await dead_letter(actors)
    await actors.service.operations.change.schedule_now(job_id, None, [S.FAILED])
    return await _again(actors, job_id)


async def abandoned(actors: Actors) -> UUID:
    job_id = await failing(actors)
    await actors.service.operations.change.abandon(job_id, None)
    return job_id


def in_bulk(verb: BulkVerb) -> Make:
    """Retried or abandoned by a bulk action that finds this job alone."""

    async def make(actors: Actors) -> UUID:
        job_id = await dead_letter(actors)
        job = await actors.service.job(job_id)
        mark = {"bulk": str(job_id)}
        relabel = Change(None, None, None, json.dumps(mark))
        await actors.service.operations.change.change(job_id, job.version, relabel)
        bulk = await crank(actors.service, await begin_bulk(actors.service, verb, labels=mark))
        assert bulk.done == 1
        return job_id if verb is BulkVerb.ABANDON else await _again(actors, job_id)

    return make


async def snoozed(actors: Actors) -> UUID:
    job_id = await _ends(actors, await _running(actors), Outcome.SNOOZED, retry_after_seconds=5.0)
    return await _again(actors, job_id)


def released(reason: str, *, held: bool) -> Make:
    async def make(actors: Actors) -> UUID:
        job_id = await (_held if held else _running)(actors)
        await actors.service.release(actors.worker, [LeaseItem(job_id=job_id, attempt=1)], reason)
        return await _again(actors, job_id)

    return make


def lost(*, held: bool, past_due: bool = False) -> Make:
    async def make(actors: Actors) -> UUID:
        doomed = Actors(actors.service, actors.scheduler, await actors.service.worker())
        job_id = await (_held if held else _running)(doomed)
        if past_due:
            await actors.service.pass_time(job_id, LONG)
        await actors.service.kill(doomed.worker)
        return await _again(actors, job_id)

    return make


async def poisoned(actors: Actors) -> UUID:
    job_id = (await actors.service.create_one()).id
    while (await actors.service.job(job_id)).status is not S.FAILED:
        worker = await actors.service.worker()
        await actors.service.lease(worker, await actors.service.claim(actors.scheduler))
        await actors.service.kill(worker)
    return job_id


async def claim_lost(actors: Actors) -> UUID:
    """Armed again with the same attempt after its scheduler died."""
    doomed = Actors(actors.service, await actors.service.scheduler(), actors.worker)
    job_id = await claimed(doomed)
    await actors.service.kill(doomed.scheduler)
    return await _again(actors, job_id)


def overdue(*, held: bool, cancel: bool = False) -> Make:
    async def make(actors: Actors) -> UUID:
        job_id = await (_held if held else _running)(actors)
        if cancel:
            await actors.service.operations.change.cancel(job_id)
        await actors.service.pass_time(job_id, AHEAD + PAST_DEADLINE)
        await actors.service.end_amnesty()
        await actors.service.duty("end_overdue")
        return job_id if cancel else await _again(actors, job_id)

    return make


async def reported_too_late(actors: Actors) -> UUID:
    """A ZOMBIE note on an execution that was lost."""
    doomed = Actors(actors.service, actors.scheduler, await actors.service.worker())
    job_id = await _running(doomed)
    await actors.service.kill(doomed.worker)
    await actors.service.finish(doomed.worker, LeaseItem(job_id=job_id, attempt=1), Outcome.SUCCESS)
    return await _again(actors, job_id)


def cancelled(make: Make) -> Make:
    """At once: nobody holds it."""

    async def then(actors: Actors) -> UUID:
        job_id = await make(actors)
        await actors.service.operations.change.cancel(job_id)
        return job_id

    return then


def asked(outcome: Outcome | str, *, held: bool = False) -> Make:
    """Asked to be cancelled while a worker had it; the worker says `outcome`, gives it back, or dies."""

    async def make(actors: Actors) -> UUID:
        mine = Actors(actors.service, actors.scheduler, await actors.service.worker())
        job_id = await (_held if held else _running)(mine)
        await actors.service.operations.change.cancel(job_id)
        if isinstance(outcome, Outcome):
            begun = {"started_at": None} if held else {}
            return await _ends(mine, job_id, outcome, retry_after_seconds=5.0, **begun)
        if outcome == "lost":
            await actors.service.kill(mine.worker)
        else:
            item = LeaseItem(job_id=job_id, attempt=1)
            await actors.service.release(mine.worker, [item], outcome)
        return job_id

    return make


def by_hand(status: S | None, *, cancel: bool = False) -> Make:
    """Made due, started and ended by a client; None: never ended, so its deadline does it."""

    async def make(actors: Actors) -> UUID:
        change = actors.service.operations.change
        job = await actors.service.create_one(in_seconds=LONG, max_attempts=1)
        await change.schedule_now(job.id, None, [S.CREATED])
        _, token = await change.start_by_hand(job.id, None)
        if cancel:
            await change.cancel(job.id)
        if status is not None:
            await change.end_by_hand(job.id, None, status, token)
            return job.id
        await actors.service.pass_time(job.id, PAST_DEADLINE)
        await actors.service.end_amnesty()
        await actors.service.duty("end_overdue")
        return job.id

    return make


async def started_by_hand_ahead(actors: Actors) -> UUID:
    """Before it was due, which is the client's own wish."""
    job = await actors.service.create_one(in_seconds=AHEAD)
    await actors.service.claim(actors.scheduler)
    await actors.service.operations.change.start_by_hand(job.id, None)
    return job.id


async def taken_back_by_hand(actors: Actors) -> UUID:
    job_id = await claimed(actors)
    await actors.service.operations.change.take_back(job_id, None)
    return await _again(actors, job_id)


def changed(make: Make, *, later: bool) -> Make:
    """Rescheduled, or only relabelled and given another priority."""

    async def then(actors: Actors) -> UUID:
        job = await actors.service.job(await make(actors))
        at = seconds_from_now(2 * LONG) if later else None
        wish = Change(at, None, None, '{"a": "b"}') if later else Change(at, 80, 0, None)
        await actors.service.operations.change.change(job.id, job.version, wish)
        return job.id

    return then


async def paused_when_claimed(actors: Actors) -> UUID:
    job_id = await claimed(actors)
    await actors.service.operations.pauses.pause(DUMMY)
    await actors.service.operations.pauses.resume(DUMMY)
    return await _again(actors, job_id)


def expired(make: Make) -> Make:
    async def then(actors: Actors) -> UUID:
        job_id = await make(actors)
        moment = seconds_from_now(-1)
        await actors.service.raw.execute(
            "UPDATE jobs SET expires_at = $2 WHERE id = $1", job_id, moment
        )
        await actors.service.raw.execute("INSERT INTO expiring VALUES ($1, $2)", job_id, moment)
        await actors.service.duty("expire")
        return job_id

    return then


async def deleted(actors: Actors) -> UUID:
    job_id = await failed_and_tried_again(actors)
    await actors.service.operations.delete.delete(job_id)
    return job_id


_BACK = ("released", "shutdown", "no-slot", "unknown")

EVERY_KIND: dict[str, Make] = {
    "created": created,
    "claimed": claimed,
    "held": _held,
    "running": _running,
    "succeeded": succeeded,
    "held and started": held_and_started,
    "declined": declined,
    "failed and tried again": failed_and_tried_again,
    "failing": failing,
    "dead letter": dead_letter,
    **{f"failed: {reason}": failed_because(reason) for reason in FAILURES},
    **{f"asked, failed: {reason}": failed_because(reason, asked=True) for reason in FAILURES},
    "retried by hand": retried_by_hand,
    "abandoned": abandoned,
    "retried in bulk": in_bulk(BulkVerb.RETRY),
    "abandoned in bulk": in_bulk(BulkVerb.ABANDON),
    "snoozed": snoozed,
    **{f"released: {reason}": released(reason, held=False) for reason in _BACK},
    **{f"released while held: {reason}": released(reason, held=True) for reason in _BACK},
    "lost": lost(held=False),
    "lost while held": lost(held=True),
    "lost while held, past due": lost(held=True, past_due=True),
    "poisoned": poisoned,
    "claim lost": claim_lost,
    "overdue": overdue(held=False),
    "overdue while held": overdue(held=True),
    "overdue, cancel asked": overdue(held=False, cancel=True),
    "overdue while held, cancel asked": overdue(held=True, cancel=True),
    "reported too late": reported_too_late,
    "cancelled": cancelled(created),
    "cancelled when claimed": cancelled(claimed),
    "cancelled when failing": cancelled(failing),
    "cancel asked": cancelled(_running),
    "cancel asked, held": cancelled(_held),
    **{f"asked, {o}": asked(o) for o in (*Outcome, *_BACK, "lost")},
    **{f"asked while held, {o}": asked(o, held=True) for o in (Outcome.CANCELLED, *_BACK, "lost")},
    "by hand, SUCCESS": by_hand(S.SUCCESS),
    "by hand, FAILED": by_hand(S.FAILED),
    "by hand, FAILED, cancel asked": by_hand(S.FAILED, cancel=True),
    "by hand, overdue": by_hand(None),
    "by hand, ahead of its time": started_by_hand_ahead,
    "taken back by hand": taken_back_by_hand,
    "rescheduled": changed(created, later=True),
    "rescheduled when claimed": changed(claimed, later=True),
    "rescheduled when failing": changed(failing, later=True),
    "changed": changed(created, later=False),
    "changed when claimed": changed(claimed, later=False),
    "paused when claimed": paused_when_claimed,
    "expired": expired(created),
    "expired when claimed": expired(claimed),
    "deleted": deleted,
}
"""What it is called, and how it is made."""


async def make_every_kind(actors: Actors) -> dict[str, UUID]:
    """A job of each kind in one database; those that others' claims would take along are made last."""
    found: dict[str, UUID] = {}
    for name, make in sorted(EVERY_KIND.items(), key=lambda kind: kind[0] in _LEFT_ON_THE_SHELF):
        found[name] = await make(actors)
    return found


_LEFT_ON_THE_SHELF = frozenset(
    {"claimed", "failing", "changed when claimed", "rescheduled when failing"}
)
