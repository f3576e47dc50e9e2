"""Deleting a settled job: it is gone, its history stays, and nothing else is touched."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any
from uuid import UUID, uuid4

import httpx
import pytest

from job_service.operations.problems import IllegalTransition, KeyOfDeletedJob, NotFound
from shared.contracts.states import JobStatus, Outcome
from tests.support.api import JOBS, a_create, calling, data_of, problem_of
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
from tests.support.job_service import Service, new_job
from tests.support.lost_replies import UNKNOWN, Fate, losing

DAY_SECONDS = 86_400.0


@pytest.fixture
async def http(actors: Actors) -> AsyncIterator[httpx.AsyncClient]:
    async with calling(actors.service) as client:
        yield client


async def rows_of(service: Service, job_id: UUID) -> dict[str, int]:
    """In which tables the job still has rows."""
    tables = (
        "due",
        "inflight",
        "unsuccessful",
        "expiring",
        "job_history",
        "executions",
        "deleted_jobs",
    )
    counts = {
        table: await service.raw.fetchval(f"SELECT count(*) FROM {table} WHERE job_id = $1", job_id)
        for table in tables
    }
    counts["jobs"] = await service.raw.fetchval("SELECT count(*) FROM jobs WHERE id = $1", job_id)
    return {table: count for table, count in counts.items() if count}


@pytest.mark.parametrize("given", [succeeded, dead_letter, cancelled])
async def test_a_settled_job_is_gone_and_its_history_stays(
    actors: Actors, http: httpx.AsyncClient, given: Any
) -> None:
    service = actors.service
    job = await given(actors)
    history = data_of(await http.get(f"{JOBS}/{job.id}/history"))
    executions = data_of(await http.get(f"{JOBS}/{job.id}/executions"))
    reply = await http.delete(f"{JOBS}/{job.id}")
    assert (reply.status_code, reply.content) == (204, b"")
    problem_of(await http.get(f"{JOBS}/{job.id}"), 404, "not-found")
    problem_of(await http.delete(f"{JOBS}/{job.id}"), 404, "not-found")
    problem_of(await http.post(f"{JOBS}/{job.id}/cancel"), 404, "not-found")
    problem_of(await http.post(f"{JOBS}/{job.id}/rerun"), 404, "not-found")
    assert data_of(await http.get(f"{JOBS}/{job.id}/history")) == history
    assert data_of(await http.get(f"{JOBS}/{job.id}/executions")) == executions
    assert set(await rows_of(service, job.id)) <= {"job_history", "executions", "deleted_jobs"}
    row = await service.raw.fetchrow("SELECT * FROM deleted_jobs WHERE job_id = $1", job.id)
    assert row is not None
    assert (row["status"], row["version"]) == (job.status, job.version)


@pytest.mark.parametrize("given", [created, claimed, held, running, failed])
async def test_what_is_not_settled_stays(
    actors: Actors, http: httpx.AsyncClient, given: Any
) -> None:
    job = await given(actors)
    before = await rows_of(actors.service, job.id)
    problem = problem_of(await http.delete(f"{JOBS}/{job.id}"), 409, "illegal-transition")
    assert (problem["current"], problem["version"]) == (job.status, job.version)
    assert await rows_of(actors.service, job.id) == before
    assert await actors.service.job(job.id) == job


async def test_a_stale_version_deletes_nothing(actors: Actors, http: httpx.AsyncClient) -> None:
    job = await succeeded(actors)
    where = f"{JOBS}/{job.id}"
    problem = problem_of(
        await http.delete(where, headers={"If-Match": '"1"'}), 412, "version-conflict"
    )
    assert (problem["expected"], problem["actual"]) == (1, job.version)
    assert (await http.delete(where, headers={"If-Match": f'"{job.version}"'})).status_code == 204
    problem_of(await http.delete(f"{JOBS}/{uuid4()}"), 404, "not-found")


async def test_an_expiry_that_nobody_has_looked_at_goes_too(
    actors: Actors, http: httpx.AsyncClient
) -> None:
    made = data_of(await http.post(JOBS, json=a_create(expiresAt="2099-02-01T00:00:00Z")), 201)
    job_id = UUID(made["jobId"])
    await http.post(f"{JOBS}/{job_id}/cancel")
    assert (await http.delete(f"{JOBS}/{job_id}")).status_code == 204
    assert set(await rows_of(actors.service, job_id)) == {"job_history", "deleted_jobs"}
    assert data_of(await http.get(f"{JOBS}/{job_id}/executions")) == []


async def test_the_key_of_a_deleted_job_makes_no_second_one(
    actors: Actors, http: httpx.AsyncClient
) -> None:
    """R25: it is told what became of the first; in a batch beside others too."""
    key = {"Idempotency-Key": "one"}
    made = data_of(await http.post(JOBS, json=a_create(), headers=key), 201)
    await http.post(f"{JOBS}/{made['jobId']}/cancel")
    await http.delete(f"{JOBS}/{made['jobId']}")
    problem = problem_of(await http.post(JOBS, json=a_create(), headers=key), 409, "job-deleted")
    assert problem["jobId"] == made["jobId"]
    reused = await http.post(JOBS, json=a_create(priority=1), headers=key)
    problem_of(reused, 422, "idempotency-key-reused")
    items = [a_create(), a_create(idempotencyKey="one")]
    data = data_of(await http.post(f"{JOBS}/batch", json={"jobs": items}), 201)
    assert data[1]["error"]["type"] == "/problems/job-deleted"
    reply = await http.post(f"{JOBS}/batch?atomic=true", json={"jobs": items})
    problem_of(reply, 409, "job-deleted")
    assert await actors.service.raw.fetchval("SELECT count(*) FROM jobs") == 1


async def test_the_operation_says_so_as_well(actors: Actors) -> None:
    service = actors.service
    keyed = new_job(idempotency_key="one", body_hash=b"body")
    await service.operations.create.create([keyed])
    await service.operations.change.cancel(keyed.id)
    await service.operations.delete.delete(keyed.id)
    (answer,) = await service.operations.create.create(
        [new_job(idempotency_key="one", body_hash=b"body")]
    )
    assert isinstance(answer, KeyOfDeletedJob)


@pytest.mark.parametrize("fate", UNKNOWN, ids=[fate.value for fate in UNKNOWN])
async def test_an_unknown_commit_is_answered_as_done(actors: Actors, fate: Fate) -> None:
    """R27: no 404 to the one that deleted it."""
    job = await succeeded(actors)
    await losing(actors.service, fate).delete.delete(job.id, job.version)
    with pytest.raises(NotFound):
        await actors.service.operations.delete.delete(job.id)
    assert await actors.service.raw.fetchval("SELECT count(*) FROM deleted_jobs") == 1


async def test_a_delete_that_meets_a_retry_sees_it(actors: Actors) -> None:
    """R10: it waits for the other's lock, and then finds a job that is to run."""
    service = actors.service
    job = await dead_letter(actors)
    other = await service.connect()
    async with other.transaction():
        await service.within(other).change.schedule_now(job.id, None, [JobStatus.FAILED])
        deleting = asyncio.create_task(service.operations.delete.delete(job.id))
        await service.until_blocked()
    with pytest.raises(IllegalTransition):
        await deleting
    assert (await service.job(job.id)).status is JobStatus.SCHEDULED


async def test_a_delete_that_meets_a_late_report_leaves_the_note(actors: Actors) -> None:
    """G4: what comes after the end of a job that is gone changes nothing."""
    service = actors.service
    lease = await service.leased_one(actors.scheduler, actors.worker)
    await service.finish(actors.worker, lease)
    await service.operations.delete.delete(lease.job_id)
    again = await service.finish(actors.worker, lease)
    late = await service.finish(actors.worker, lease, Outcome.FAILED, error="late")
    assert (again.verdict.value, late.verdict.value) == ("already", "late")


async def test_retention_takes_what_is_left(actors: Actors) -> None:
    """R13: after as long a time as that of any settled job, counted from the deletion."""
    service = actors.service
    old, young = await succeeded(actors), await cancelled(actors)
    for job in (old, young):
        await service.operations.delete.delete(job.id)
    await service.raw.execute(
        "UPDATE deleted_jobs SET deleted_at = now() - $2 * interval '1 second' WHERE job_id = $1",
        old.id,
        31 * DAY_SECONDS,
    )
    assert (await service.duty("retain"))["forgotten"] == 1
    assert await rows_of(service, old.id) == {}
    assert set(await rows_of(service, young.id)) == {"job_history", "deleted_jobs"}
    assert (await service.duty("retain"))["forgotten"] == 0
