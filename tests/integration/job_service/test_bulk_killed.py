"""10,000 dead letters are retried by filter, and job_service is killed in the middle (Show 7).

The process is a real one, with the duty in it; the test plays a scheduler and a worker beside it, which fail
what was retried for good again, so that nothing but the action's own books keeps a job from a second retry.
"""

import asyncio
from collections.abc import AsyncIterator
from typing import Any
from uuid import UUID

import pytest

from shared.contracts.states import Outcome
from shared.runtime.settings import LeaseTimes
from tests.support.api import data_of
from tests.support.given import Actors
from tests.support.job_processes import Started, client, job_processes
from tests.support.job_service import Service, end_of, open_service
from tests.support.letters import letters
from tests.support.waiting import until

LETTERS, AT_ONCE = 10_000, 100
OTHERS = 50
KILLS_AFTER = (2_000, 5_000)
"""Jobs that are retried when job_service is killed."""
CHUNK = 100
ENDED_WITHIN_SECONDS = 60.0
pytestmark = pytest.mark.timeout(180)

LONG_SESSIONS = {"PUNCTUAL_LEASE__TTL": "10m", "PUNCTUAL_LEASE__SCHEDULER_TTL": "10m"}
SETTINGS = {**LONG_SESSIONS, "PUNCTUAL_BULK__CHUNK": str(CHUNK)}

RETRIED = "SELECT count(*) FROM job_history WHERE operation = $1"
BOOKS = """
SELECT j.id, j.name, j.version, count(h.version) AS retries,
       (SELECT outcome FROM bulk_action_jobs AS r WHERE r.action_id = $1 AND r.job_id = j.id) AS outcome
FROM jobs AS j LEFT JOIN job_history AS h
     ON h.job_id = j.id AND h.operation = $1 AND h.actor = 'bulk' AND h.reason = 'bulk-retried'
GROUP BY j.id
"""


@pytest.fixture
async def actors(service: Service) -> AsyncIterator[Actors]:
    """A scheduler and a worker with room for all, whose sessions outlive the test."""
    lasting = LeaseTimes(ttl=600, scheduler_ttl=600)
    async with open_service(service.url, lease=lasting) as running:
        worker = await running.worker(slots=100_000, hold_slots=100_000)
        yield Actors(running, await running.scheduler(), worker)


async def _failing_again(actors: Actors, ended: asyncio.Event) -> int:
    """Whatever is due is run, and fails for good; how many that were."""
    failed = 0
    while not ended.is_set():
        claimed = await actors.service.claim(actors.scheduler, limit=200, wait_seconds=0.1)
        if claimed:
            leases = await actors.service.lease(actors.worker, claimed)
            ends = [end_of(lease, Outcome.FAILED, retry=False) for lease in leases]
            await actors.service.report(actors.worker, ends=ends)
            failed += len(ends)
    return failed


async def _until_retried(service: Service, bulk_id: UUID, least: int) -> int:
    async def retried() -> int:
        count: int = await service.raw.fetchval(RETRIED, bulk_id)
        return count if count >= least else 0

    return await until(retried, within=ENDED_WITHIN_SECONDS, what=f"{least} are retried")


async def _until_ended(started: Started, bulk_id: UUID) -> dict[str, Any]:
    async def ended() -> dict[str, Any] | None:
        async with client(started.url) as http:
            action: dict[str, Any] = data_of(await http.get(f"/api/v1/bulk-actions/{bulk_id}"))
        return action if action["finishedAt"] is not None else None

    found: dict[str, Any] | None = await until(
        ended, within=ENDED_WITHIN_SECONDS, what="the action has ended"
    )
    assert found is not None
    return found


async def test_each_of_10_000_is_retried_once_though_job_service_is_killed_twice(
    service: Service, actors: Actors
) -> None:
    for _ in range(LETTERS // AT_ONCE):
        await letters(actors, AT_ONCE, name="mine")
    await letters(actors, OTHERS, name="other")
    body = {"action": "retry", "filter": {"name": "mine", "reason": "failed"}}
    ended = asyncio.Event()
    failing = asyncio.create_task(_failing_again(actors, ended))
    async with job_processes(service.url, 2, **SETTINGS) as two:
        async with client(two.url) as http:
            begun = data_of(await http.post("/api/v1/bulk-actions", json=body), 202)
        bulk_id = UUID(begun["bulkActionId"])
        for after in KILLS_AFTER:
            retried = await _until_retried(service, bulk_id, after)
            for child in two.children():
                child.kill()
            assert retried < LETTERS, "it is killed in the middle"
            await two.until_all_listen(2)
        action = await _until_ended(two, bulk_id)
    ended.set()
    await failing
    assert (action["state"], action["matched"], action["done"]) == ("done", LETTERS, LETTERS)
    assert (action["skipped"], action["failed"], action["left"]) == (0, 0, 0)
    books = await service.raw.fetch(BOOKS, bulk_id)
    assert {(row["name"], row["retries"], row["outcome"]) for row in books} == {
        ("mine", 1, "done"),
        ("other", 0, None),
    }
    assert len(books) == LETTERS + OTHERS
