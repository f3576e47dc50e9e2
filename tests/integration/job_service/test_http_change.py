"""Changing a job over HTTP: versions in header and body, and the verbs of an operator."""

from collections.abc import AsyncIterator
from typing import Any
from uuid import UUID, uuid4

import httpx
import pytest

from shared.contracts.states import JobStatus, Outcome
from tests.support.api import JOBS, a_create, calling, data_of, problem_of
from tests.support.given import Actors, claimed, created, dead_letter, failed
from tests.support.job_service import Service
from tests.support.lost_replies import UNKNOWN, Fate, losing

S = JobStatus
FATES = pytest.mark.parametrize("fate", UNKNOWN, ids=[fate.value for fate in UNKNOWN])


@pytest.fixture
async def http(actors: Actors) -> AsyncIterator[httpx.AsyncClient]:
    async with calling(actors.service) as client:
        yield client


async def new(http: httpx.AsyncClient, **fields: Any) -> str:
    return f"{JOBS}/{data_of(await http.post(JOBS, json=a_create(**fields)), 201)['jobId']}"


async def test_a_change_needs_the_version_it_is_based_on(http: httpx.AsyncClient) -> None:
    where = await new(http)
    problem_of(await http.patch(where, json={"priority": 1}), 428, "precondition-required")
    any_version = await http.patch(where, json={"priority": 1}, headers={"If-Match": "*"})
    problem_of(any_version, 428, "precondition-required")
    reply = await http.patch(where, json={"priority": 1}, headers={"If-Match": '"0"'})
    assert (data_of(reply)["priority"], reply.headers["etag"]) == (1, '"1"')
    stale = await http.patch(where, json={"priority": 2}, headers={"If-Match": '"0"'})
    problem = problem_of(stale, 412, "version-conflict")
    assert (problem["expected"], problem["actual"]) == (0, 1)
    for text in ("x", '"-1"', '"1.0"', '"99999999999"', '"0", "1"'):
        reply = await http.patch(where, json={"priority": 2}, headers={"If-Match": text})
        problem_of(reply, 422, "validation")


@pytest.mark.parametrize("verb", ["cancel", "retry", "abandon", "rerun"])
async def test_each_verb_honours_if_match(
    http: httpx.AsyncClient, actors: Actors, verb: str
) -> None:
    job = await dead_letter(actors)
    where = f"{JOBS}/{job.id}"
    stale = await http.post(f"{where}/{verb}", headers={"If-Match": '"0"'})
    problem_of(stale, 412, "version-conflict")
    reply = await http.post(f"{where}/{verb}", headers={"If-Match": f'"{job.version}"'})
    assert reply.status_code in {200, 201}
    problem_of(await http.post(f"{JOBS}/{uuid4()}/{verb}"), 404, "not-found")


@pytest.mark.parametrize(
    ("header", "body", "status"),
    [
        (None, 0, 200),
        ('"0"', None, 200),
        ('"0"', 0, 200),
        ("*", None, 200),
        (None, 5, 409),
        ('"5"', None, 412),
        ('"5"', 5, 412),
        ('"5"', 0, 412),
        ('"0"', 5, 409),
        ("*", 5, 409),
    ],
)
@pytest.mark.parametrize("target", ["CANCELLED", "STOPPED"])
async def test_a_stale_header_is_412_and_a_stale_field_409(
    http: httpx.AsyncClient, header: str | None, body: int | None, status: int, target: str
) -> None:
    """A field is no precondition of HTTP; both must be current."""
    where = await new(http)
    asked = {"status": target} if body is None else {"status": target, "version": body}
    headers = {} if header is None else {"If-Match": header}
    reply = await http.patch(f"{where}/state", json=asked, headers=headers)
    if status == 200 and target == "CANCELLED":
        data_of(reply)
    elif status == 200:
        problem_of(reply, 409, "illegal-transition")
    else:
        problem = problem_of(reply, status, "version-conflict")
        assert (problem["expected"], problem["actual"]) == (5, 0)
        assert data_of(await http.get(where))["version"] == 0


async def test_a_retry_allows_one_more_attempt(http: httpx.AsyncClient, actors: Actors) -> None:
    """Each time, even when all that were allowed are spent."""
    service = actors.service
    where = await new(http, maxAttempts=1, scheduledTime=None)
    job_id = UUID(where.rsplit("/", 1)[1])
    for n in (1, 2, 3):
        (lease,) = await service.lease(actors.worker, await service.claim(actors.scheduler))
        await service.finish(actors.worker, lease, Outcome.FAILED)
        job = data_of(await http.get(where))
        assert (job["status"], job["failures"], job["nextAttemptAt"]) == ("FAILED", n, None)
        assert await service.row("unsuccessful", job_id)
        retried = data_of(await http.post(f"{where}/retry"))
        assert (retried["status"], retried["attempt"]) == ("SCHEDULED", n + 1)
        assert retried["maxAttempts"] == n + 1
        assert await service.row("due", job_id)
        problem_of(await http.post(f"{where}/retry"), 409, "illegal-transition")


async def test_a_retry_of_a_letter_that_had_tries_left_keeps_them(
    http: httpx.AsyncClient, actors: Actors
) -> None:
    job = await dead_letter(actors)
    assert (job.failures, job.max_attempts) == (1, 3)
    assert data_of(await http.post(f"{JOBS}/{job.id}/retry"))["maxAttempts"] == 3


@pytest.mark.parametrize("given", [failed, dead_letter])
async def test_an_abandoned_job_is_settled(
    http: httpx.AsyncClient, actors: Actors, given: Any
) -> None:
    """R6: whether a try was to come or not, it has one row, among the unsuccessful."""
    job = await given(actors)
    after = data_of(await http.post(f"{JOBS}/{job.id}/abandon"))
    assert (after["status"], after["nextAttemptAt"]) == ("ABANDONED", None)
    assert after["version"] == job.version + 1
    assert (await actors.service.history(job.id))[-1][1:] == ("FAILED", "ABANDONED", "abandoned")
    problem = problem_of(await http.post(f"{JOBS}/{job.id}/abandon"), 409, "illegal-transition")
    assert (problem["current"], problem["allowed"]) == ("ABANDONED", [])


async def test_a_job_is_taken_back_and_claimed_anew(
    http: httpx.AsyncClient, actors: Actors
) -> None:
    """R7: the record that is on the topic already starts nothing any more."""
    service = actors.service
    job = await service.create_one()
    (record,) = await service.claim(actors.scheduler)
    after = data_of(await http.patch(f"{JOBS}/{job.id}/state", json={"status": "CREATED"}))
    assert (after["status"], after["attempt"]) == ("CREATED", 1)
    assert after["scheduledTime"] == data_of(await http.get(f"{JOBS}/{job.id}"))["scheduledTime"]
    (refused,) = await service.lease(actors.worker, [record])
    assert refused.decision.value == "refused"
    (again,) = await service.claim(actors.scheduler)
    assert (again.job_id, again.attempt) == (job.id, 2)


@FATES
async def test_an_abandon_is_answered_as_done(actors: Actors, fate: Fate) -> None:
    """R27: no 409 to the one that abandoned it."""
    job = await dead_letter(actors)
    after = await losing(actors.service, fate).change.abandon(job.id, job.version)
    assert (after.status, after.version) == (S.ABANDONED, job.version + 1)


@FATES
async def test_a_taking_back_is_answered_as_done(actors: Actors, fate: Fate) -> None:
    """R27: the same."""
    job = await claimed(actors)
    after = await losing(actors.service, fate).change.take_back(job.id, job.version)
    assert (after.status, after.version) == (S.CREATED, job.version + 1)


@FATES
async def test_a_rerun_makes_one_job(actors: Actors, fate: Fate) -> None:
    """R27: the insert is repeated with the id that it had."""
    job = await dead_letter(actors)
    service: Service = actors.service
    made, fresh = await losing(service, *[Fate.WELL] * 3, fate).rerun.rerun(
        job.id, None, new_id=uuid4(), traceparent=None, key=None
    )
    assert (made.rerun_of, fresh) == (job.id, True)
    assert await service.raw.fetchval("SELECT count(*) FROM jobs") == 2


async def test_a_cancel_asked_twice_is_answered_twice(
    actors: Actors, http: httpx.AsyncClient
) -> None:
    job = await created(actors)
    data_of(await http.post(f"{JOBS}/{job.id}/cancel"), 200)
    problem = problem_of(await http.post(f"{JOBS}/{job.id}/cancel"), 409, "illegal-transition")
    assert problem["current"] == "CANCELLED"
    lease = await actors.service.leased_one(actors.scheduler, actors.worker)
    for _ in range(2):
        data_of(await http.post(f"{JOBS}/{lease.job_id}/cancel"), 202)
