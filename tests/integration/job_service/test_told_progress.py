"""What handlers tell while they run: how far they are, and their log."""

from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from uuid import UUID

import httpx
import pytest

from shared.contracts.leases import Lease
from shared.contracts.progress import MAX_LINES, AttemptTells, Line, Standing
from shared.contracts.states import Outcome
from shared.kernel.ids import new_id
from tests.support.api import JOBS, calling, data_of, problem_of
from tests.support.given import Actors
from tests.support.job_service import Service

NOW = datetime(2026, 11, 22, 10, 0, 0, 500_000, UTC)


@pytest.fixture
async def http(actors: Actors) -> AsyncIterator[httpx.AsyncClient]:
    async with calling(actors.service) as client:
        yield client


@pytest.fixture
async def lease(actors: Actors) -> Lease:
    return await actors.service.leased_one(actors.scheduler, actors.worker)


def far(done: int, *, at: datetime = NOW) -> Standing:
    return Standing(done=done, total=10, note="part", at=at)


def lines(*texts: str) -> list[Line]:
    return [Line(at=NOW, level="info", text=text) for text in texts]


async def tell(service: Service, node: UUID, of: Lease, **news: object) -> int:
    told = AttemptTells.model_validate({"job_id": of.job_id, "attempt": of.attempt, **news})
    return await service.stores.progress.tell(node, [told])


async def test_progress_and_log_are_shown_with_the_job(
    actors: Actors, lease: Lease, http: httpx.AsyncClient
) -> None:
    told = {"progress": far(3), "lines": lines("begun", "half")}
    assert await tell(actors.service, actors.worker, lease, **told) == 1
    (run,) = data_of(await http.get(f"{JOBS}/{lease.job_id}/executions"))
    moment = "2026-11-22T10:00:00.500Z"
    assert run["progress"] == {"done": 3, "total": 10, "note": "part", "at": moment}
    log = data_of(await http.get(f"{JOBS}/{lease.job_id}/log"))
    assert log == [
        {"attempt": 1, "at": moment, "level": "info", "text": text} for text in ("begun", "half")
    ]


async def test_the_log_of_a_job_without_one_and_of_no_job(
    actors: Actors, lease: Lease, http: httpx.AsyncClient
) -> None:
    assert data_of(await http.get(f"{JOBS}/{lease.job_id}/log")) == []
    problem_of(await http.get(f"{JOBS}/{new_id()}/log"), 404, "not-found")


async def test_only_the_node_that_it_was_leased_to_tells_of_an_attempt(
    actors: Actors, lease: Lease
) -> None:
    service = actors.service
    other = await service.worker()
    assert await tell(service, other, lease, progress=far(9), lines=lines("forged")) == 0
    (run,) = await service.stores.jobs.executions_of(lease.job_id)
    assert run["progress"] is None
    assert await service.stores.progress.log_of(lease.job_id) == []


async def test_an_older_word_does_not_replace_a_newer_one(actors: Actors, lease: Lease) -> None:
    service = actors.service
    await tell(service, actors.worker, lease, progress=far(5, at=NOW))
    await tell(service, actors.worker, lease, progress=far(4, at=NOW - timedelta(seconds=1)))
    (run,) = await service.stores.jobs.executions_of(lease.job_id)
    assert run["progress"]["done"] == 5


async def test_what_comes_after_the_end_is_kept_and_changes_nothing_of_the_job(
    actors: Actors, lease: Lease
) -> None:
    service = actors.service
    await service.finish(actors.worker, lease, Outcome.SUCCESS)
    before = await service.job(lease.job_id)
    assert await tell(service, actors.worker, lease, lines=lines("last words")) == 1
    assert await service.job(lease.job_id) == before
    assert [line["text"] for line in await service.stores.progress.log_of(lease.job_id)] == [
        "last words"
    ]


async def test_a_log_that_is_full_takes_no_more(actors: Actors, lease: Lease) -> None:
    service = actors.service
    for part in "abc":
        await tell(service, actors.worker, lease, lines=lines(*[part] * (MAX_LINES - 50)))
    texts = [line["text"] for line in await service.stores.progress.log_of(lease.job_id)]
    assert texts == ["a"] * (MAX_LINES - 50) + ["b"] * 50


async def test_a_deleted_job_leaves_no_log(
    actors: Actors, lease: Lease, http: httpx.AsyncClient
) -> None:
    service = actors.service
    await tell(service, actors.worker, lease, progress=far(1), lines=lines("secret"))
    await service.finish(actors.worker, lease, Outcome.SUCCESS)
    assert (await http.delete(f"{JOBS}/{lease.job_id}")).status_code == 204
    (run,) = data_of(await http.get(f"{JOBS}/{lease.job_id}/executions"))
    assert run["progress"] is None
    problem_of(await http.get(f"{JOBS}/{lease.job_id}/log"), 404, "not-found")
