"""GET /api/v1/jobs/{jobId}/why: each reason, brought about by the protocol itself (G3)."""

import re
from collections.abc import Awaitable, Callable
from typing import Any
from uuid import UUID

import pytest

from job_service.domain.reasons import REASONS
from shared.contracts.base import rfc3339
from shared.contracts.claims import ClaimRequest, Published
from shared.contracts.leases import DeclineReason, LeaseItem, LeaseRequest
from shared.contracts.nodes import Position, Renew
from shared.contracts.states import JobStatus, Outcome
from shared.kernel.ids import new_id
from tests.support.asking import asking, data_of
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
from tests.support.job_service import AHEAD, Service, seconds_from_now

Make = Callable[[Actors], Awaitable[UUID]]
MADE: dict[str, Make] = {}
"""For each reason, what brings a job there."""


def brings(slug: str) -> Callable[[Make], Make]:
    """Marks how a job gets into a situation."""

    def keep(make: Make) -> Make:
        MADE[slug] = make
        return make

    return keep


async def why(service: Service, job_id: UUID) -> dict[str, Any]:
    async with asking(service) as http:
        told: dict[str, Any] = await data_of(http, f"/api/v1/jobs/{job_id}/why")
    return told


async def _overdue(actors: Actors, **fields: Any) -> UUID:
    """A job that is due for ten seconds, CREATED."""
    job = await actors.service.create_one(**fields)
    await actors.service.pass_time(job.id, 10)
    return job.id


async def _lost(service: Service, job_id: UUID, *, lost: int) -> None:
    """As if it had been lost that often. The guard of the counters is off meanwhile."""
    async with service.raw.transaction():
        await service.raw.execute("SET LOCAL session_replication_role = replica")
        await service.raw.execute(
            "UPDATE jobs SET lost = $2, suspect_losses = greatest($2 - 2, 0) WHERE id = $1",
            job_id,
            lost,
        )


async def _silence(service: Service, node: UUID) -> None:
    """The node was last heard of a session before a minute ago."""
    await service.expire_node(node)
    await service.raw.execute(
        """UPDATE nodes SET last_seen_at = expires_at - ttl_seconds * interval '1 second'
           WHERE id = $1""",
        node,
    )


@brings("not-due")
async def _not_due(actors: Actors) -> UUID:
    return (await created(actors)).id


@brings("backing-off")
async def _backing_off(actors: Actors) -> UUID:
    return (await failed(actors)).id


@brings("paused")
async def _paused(actors: Actors) -> UUID:
    await actors.service.operations.pauses.pause("DUMMY")
    return await _overdue(actors)


@brings("no-worker")
async def _no_worker(actors: Actors) -> UUID:
    return await _overdue(actors, job_type="NOBODY")


@brings("no-scheduler")
async def _no_scheduler(actors: Actors) -> UUID:
    await actors.service.operations.sessions.leave(actors.scheduler)
    return await _overdue(actors)


@brings("no-slot")
async def _no_slot(actors: Actors) -> UUID:
    service = actors.service
    await service.operations.sessions.leave(actors.worker)
    small = await service.worker(slots=1)
    await service.leased_one(actors.scheduler, small)
    return await _overdue(actors)


@brings("key-taken")
async def _key_taken(actors: Actors) -> UUID:
    await actors.service.create_one(ordering_key="k", in_seconds=-2)
    return (await actors.service.create_one(ordering_key="k", in_seconds=-1)).id


@brings("suspect")
async def _suspect(actors: Actors) -> UUID:
    service = actors.service
    await service.operations.sessions.leave(actors.worker)
    jobs = await service.create(2)
    await _lost(service, jobs[0].id, lost=2)
    await _lost(service, jobs[1].id, lost=2)
    worker = await service.worker()
    await service.lease(worker, await service.claim(actors.scheduler))
    (waits,) = [j.id for j in jobs if (await service.job(j.id)).status == JobStatus.SCHEDULED]
    return waits


@brings("declined")
async def _declined(actors: Actors) -> UUID:
    service = actors.service
    job = await claimed(actors)
    item = LeaseItem(job_id=job.id, attempt=1, decline=DeclineReason.NO_SLOT)
    await service.operations.leases.lease(LeaseRequest(node=actors.worker, items=[item]))
    later = "clock_timestamp() + interval '1 minute'"
    await service.raw.execute(f"UPDATE jobs SET dispatch_at = {later} WHERE id = $1", job.id)
    await service.raw.execute(
        """UPDATE due SET dispatch_at = (SELECT dispatch_at FROM jobs WHERE id = job_id)
           WHERE job_id = $1""",
        job.id,
    )
    return job.id


@brings("to-be-claimed")
async def _to_be_claimed(actors: Actors) -> UUID:
    return await _overdue(actors)


@brings("scheduler-silent")
async def _scheduler_silent(actors: Actors) -> UUID:
    job = await claimed(actors)
    await _silence(actors.service, actors.scheduler)
    return job.id


@brings("waiting-for-broker")
async def _waiting_for_broker(actors: Actors) -> UUID:
    return (await claimed(actors)).id


@brings("held")
async def _held(actors: Actors) -> UUID:
    return (await held(actors)).id


@brings("starting")
async def _starting(actors: Actors) -> UUID:
    job = await held(actors)
    await actors.service.pass_time(job.id, AHEAD + 1)
    return job.id


@brings("node-silent")
async def _node_silent(actors: Actors) -> UUID:
    job = await running(actors)
    await _silence(actors.service, actors.worker)
    return job.id


@brings("cancel-asked")
async def _cancel_asked(actors: Actors) -> UUID:
    job = await running(actors)
    await actors.service.operations.change.cancel(job.id)
    return job.id


@brings("running")
async def _running(actors: Actors) -> UUID:
    return (await running(actors)).id


@brings("running-outside")
async def _running_outside(actors: Actors) -> UUID:
    job = await created(actors)
    change = actors.service.operations.change
    await change.schedule_now(job.id, None, [JobStatus.CREATED])
    await change.start_by_hand(job.id, None)
    return job.id


@brings("waiting-for-children")
async def _waiting_for_children(actors: Actors) -> UUID:
    return await _planted(actors, "WAITING")


@brings("stopped")
async def _stopped(actors: Actors) -> UUID:
    return await _planted(actors, "STOPPED")


@brings("abandoned")
async def _abandoned(actors: Actors) -> UUID:
    return await _planted(actors, "ABANDONED")


async def _planted(actors: Actors, state: str) -> UUID:
    """States that no operation of this test leads to."""
    job = await running(actors)
    raw = actors.service.raw
    async with raw.transaction():
        await raw.execute("SET LOCAL session_replication_role = replica")
        await raw.execute("DELETE FROM inflight WHERE job_id = $1", job.id)
        await raw.execute("UPDATE jobs SET status = $2, node = NULL WHERE id = $1", job.id, state)
    return job.id


@brings("succeeded")
async def _succeeded(actors: Actors) -> UUID:
    return (await succeeded(actors)).id


@brings("failed")
async def _failed(actors: Actors) -> UUID:
    return (await dead_letter(actors)).id


@brings("poisoned")
async def _poisoned(actors: Actors) -> UUID:
    service = actors.service
    job = await running(actors)
    await _lost(service, job.id, lost=4)
    await service.kill(actors.worker)
    return job.id


@brings("cancelled")
async def _cancelled(actors: Actors) -> UUID:
    return (await cancelled(actors)).id


@brings("expired")
async def _expired(actors: Actors) -> UUID:
    job = await actors.service.create_one(in_seconds=900, expires_at=seconds_from_now(-1))
    await actors.service.duty("expire")
    return job.id


@pytest.fixture
async def unchecked(database_url: str) -> Any:
    """As `actors`, without a look at the books afterwards: some states are planted."""
    from tests.support.job_service import open_service

    async with open_service(database_url) as service:
        yield Actors(service, await service.scheduler(), await service.worker())


@pytest.mark.parametrize("slug", REASONS)
async def test_each_reason_is_told_where_it_holds(unchecked: Actors, slug: str) -> None:
    service = unchecked.service
    job_id = await MADE[slug](unchecked)
    told = await why(service, job_id)
    job = await service.job(job_id)
    assert told["reason"] == slug, told
    assert told["state"] == job.status
    assert told.keys() == {"state", "reason", "text", "since", "nextAt", "facts"}
    assert "{" not in told["text"]
    assert "None" not in told["text"]
    assert "not known" not in told["text"], told["text"]
    assert told["since"] is not None
    assert told["since"] <= told["facts"]["now"]
    if told["nextAt"] is not None:
        assert told["nextAt"] > told["since"]
    assert told["facts"]["jobType"] == job.job_type


async def test_a_claimed_job_names_its_scheduler_and_how_far_the_group_has_read(
    actors: Actors,
) -> None:
    """Waiting for the broker: since when, claimed by which scheduler, and where its record is."""
    service = actors.service
    job = await claimed(actors)
    told = await why(service, job.id)
    row = await service.row("inflight", job.id)
    assert row is not None
    assert told["since"] == rfc3339(row["since"])
    assert told["nextAt"] == rfc3339(row["look_at"])
    assert told["facts"]["scheduler"] == str(actors.scheduler) in told["text"]
    assert "topicPartition" not in told["facts"]
    placed = Published(job_id=job.id, attempt=1, topic_partition=3, record_offset=41)
    await service.operations.claims.claim(
        ClaimRequest(node=actors.scheduler, seq=2, acked=1, limit=1, published=[placed])
    )
    at = Position(topic_partition=3, committed=40, end=42)
    await service.operations.sessions.renew(actors.worker, Renew(slots=100, positions=[at]))
    facts = (await why(service, job.id))["facts"]
    assert (facts["topicPartition"], facts["recordOffset"], facts["committed"]) == (3, 41, 40)


async def test_what_is_not_due_says_when_it_is(actors: Actors) -> None:
    service = actors.service
    job = await created(actors)
    assert (await why(service, job.id))["nextAt"] == rfc3339(job.scheduled_time)
    early = await service.create_one(in_seconds=AHEAD)
    await service.claim(actors.scheduler)
    told = await why(service, early.id)
    assert (told["state"], told["reason"]) == ("SCHEDULED", "not-due")
    assert told["nextAt"] == rfc3339(early.scheduled_time)
    assert told["facts"]["scheduler"] == str(actors.scheduler)
    snoozed = await service.leased_one(actors.scheduler, actors.worker)
    await service.finish(actors.worker, snoozed, Outcome.SNOOZED, retry_after_seconds=77)
    told = await why(service, snoozed.job_id)
    assert (told["state"], told["reason"]) == ("CREATED", "not-due")
    assert told["facts"]["lastChange"] == "snoozed"


async def test_a_silent_node_is_waited_for_until_the_grace_and_the_amnesty_are_over(
    actors: Actors,
) -> None:
    service = actors.service
    job = await running(actors)
    await _silence(service, actors.worker)
    row = await service.raw.fetchrow("SELECT * FROM nodes WHERE id = $1", actors.worker)
    assert row is not None
    told = await why(service, job.id)
    assert told["since"] == rfc3339(row["last_seen_at"])
    grace = service.settings.lease.grace
    reaped = row["expires_at"].timestamp() + grace
    assert told["nextAt"] == rfc3339(
        row["expires_at"].fromtimestamp(reaped, row["expires_at"].tzinfo)
    )
    await service.duty("reap")
    told = await why(service, job.id)
    assert told["nextAt"] > told["facts"]["now"], "the reaper has only just begun: an amnesty"


async def test_a_running_job_has_a_deadline(actors: Actors) -> None:
    job = await running(actors)
    told = await why(actors.service, job.id)
    row = await actors.service.row("inflight", job.id)
    assert row is not None
    assert told["nextAt"] == rfc3339(row["look_at"])
    assert told["facts"]["worker"] == str(actors.worker)


async def test_facts_tell_of_a_type_that_was_never_declared(actors: Actors) -> None:
    told = await why(actors.service, await _no_worker(actors))
    assert told["facts"]["declared"] is False
    assert told["facts"]["workers"] == 0
    silent = await why(actors.service, await _overdue(actors))
    assert silent["facts"]["declared"] is True
    await _silence(actors.service, actors.worker)
    silent = await why(actors.service, await _overdue(actors))
    assert silent["reason"] == "no-worker"
    assert silent["facts"]["silentWorkers"] == 1


async def test_there_is_no_why_without_a_job(service: Service) -> None:
    async with asking(service) as http:
        reply = await http.get(f"/api/v1/jobs/{new_id()}/why")
        assert reply.status_code == 404
        assert reply.json()["type"] == "/problems/not-found"
        assert (await http.get("/api/v1/jobs/none/why")).status_code == 422


def test_every_reason_has_a_stable_form() -> None:
    for slug, reason in REASONS.items():
        assert re.fullmatch(r"[a-z]+(-[a-z]+)*", slug)
        assert reason.means.endswith(".")
        assert reason.text.endswith(".")
