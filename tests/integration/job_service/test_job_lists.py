"""GET /api/v1/jobs: what each filter lets through, and where pages begin and end."""

import json
from datetime import timedelta
from typing import Any

import pytest

from job_service.domain.listed import Wish
from job_service.postgres.listing import Listing
from shared.contracts.base import rfc3339
from shared.contracts.states import JobStatus
from tests.support.asking import all_items, asking, data_of
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
from tests.support.job_service import DUMMY, Service

JOBS = "/api/v1/jobs"
MAKERS = (created, claimed, held, running, succeeded, failed, dead_letter, cancelled)


async def names(service: Service, **query: Any) -> list[str]:
    async with asking(service) as http:
        return [item["name"] for item in await all_items(http, JOBS, **query)]


async def test_all_jobs_come_newest_first_in_pages(service: Service) -> None:
    jobs = [await service.create_one(in_seconds=60) for _ in range(7)]
    async with asking(service) as http:
        page = await data_of(http, JOBS, limit=3)
        assert [item["jobId"] for item in page["items"]] == [str(j.id) for j in jobs[:-4:-1]]
        every = await all_items(http, JOBS, limit=3)
        whole = await data_of(http, JOBS)
    assert [item["jobId"] for item in every] == [str(job.id) for job in reversed(jobs)]
    assert whole == {"items": every, "nextCursor": None}


async def test_an_item_is_the_job_as_it_is_read_alone(service: Service) -> None:
    job = await service.create_one(labels='{"team": "a"}', name="one")
    async with asking(service) as http:
        page = await data_of(http, JOBS)
        assert page["items"] == [await data_of(http, f"{JOBS}/{job.id}")]


async def test_each_state_lists_the_jobs_that_are_in_it(actors: Actors) -> None:
    """Whichever table knows the state; and any set of states lists what each of them lists."""
    service = actors.service
    by_state: dict[str, set[str]] = {}
    for make in MAKERS:
        job = await make(actors)
        job = await service.job(job.id)
        by_state.setdefault(job.status, set()).add(str(job.id))
    async with asking(service) as http:
        for state in JobStatus:
            items = await all_items(http, JOBS, status=state.value, limit=1)
            assert {item["jobId"] for item in items} == by_state.get(state, set()), state
        for states in (
            ["CREATED", "FAILED"],
            ["CREATED", "SCHEDULED", "RUNNING"],
            ["SUCCESS", "FAILED"],
        ):
            items = await all_items(http, JOBS, status=states, limit=2)
            ids = [item["jobId"] for item in items]
            assert len(ids) == len(set(ids))
            assert set(ids) == set().union(*(by_state[state] for state in states))


async def test_what_is_armed_again_is_listed_by_its_state(actors: Actors) -> None:
    """`due` holds jobs that are not CREATED: by hand, declined, released, retried, armed again."""
    service = actors.service
    released = await running(actors)
    taken = await claimed(actors)
    await service.kill(actors.scheduler)
    (lease,) = await service.stores.nodes.holdings(actors.worker)
    await service.release(actors.worker, [lease])
    by_hand, waiting = await created(actors), await created(actors)
    await service.operations.change.schedule_now(by_hand.id, None, [JobStatus.CREATED])
    for job in (released, taken, by_hand):
        row = await service.row("due", job.id)
        assert row is not None
        assert row["status"] == "SCHEDULED"
    async with asking(service) as http:
        items = await all_items(http, JOBS, status="SCHEDULED")
        assert {i["jobId"] for i in items} == {str(j.id) for j in (by_hand, released, taken)}
        items = await all_items(http, JOBS, status="CREATED")
        assert {i["jobId"] for i in items} == {str(waiting.id)}


async def test_filters_on_what_a_job_was_created_with(service: Service) -> None:
    given = {"in_seconds": 60}
    await service.create_one(name="daily-1", labels='{"team": "a", "at": "10:30"}', **given)
    await service.create_one(name="daily-2", labels='{"team": "a"}', job_type="OTHER", **given)
    await service.create_one(name="Daily%", labels='{"team": "b"}', **given)
    assert await names(service, name="daily-") == ["daily-2", "daily-1"]
    assert await names(service, name="Daily%") == ["Daily%"]
    assert await names(service, name="%") == []
    assert await names(service, jobType="OTHER") == ["daily-2"]
    assert await names(service, jobType="NONE") == []
    assert await names(service, label="team:a") == ["daily-2", "daily-1"]
    assert await names(service, label=["team:a", "at:10:30"]) == ["daily-1"]
    assert await names(service, label="team:c") == []
    assert await names(service, name="daily", jobType=DUMMY, status="CREATED") == ["daily-1"]


async def test_both_ends_of_a_range_belong_to_it(service: Service) -> None:
    """At the millisecond that replies show: what a client has read selects that very job."""
    jobs = [await service.create_one(in_seconds=100 * n, name=f"job {n}") for n in (1, 2, 3)]
    at = [rfc3339(job.scheduled_time) for job in jobs]
    assert await names(service, scheduledFrom=at[1]) == ["job 3", "job 2"]
    assert await names(service, scheduledTo=at[1]) == ["job 2", "job 1"]
    assert await names(service, scheduledFrom=at[1], scheduledTo=at[1]) == ["job 2"]
    for n, job in enumerate(jobs):
        past = timedelta(milliseconds=100 * (3 - n))
        await service.raw.execute(
            "UPDATE jobs SET created_at = created_at - $2::interval WHERE id = $1", job.id, past
        )
    born = [rfc3339((await service.job(job.id)).created_at) for job in jobs]
    assert await names(service, createdFrom=born[2], createdTo=born[2]) == ["job 3"]
    assert await names(service, createdTo=born[1]) == ["job 2", "job 1"]


async def test_the_range_of_creation_is_a_range_of_ids(service: Service) -> None:
    """It needs no look at jobs that are older or younger by more than clocks and queues can explain."""
    job = await service.create_one(in_seconds=60)
    around = (job.created_at - timedelta(days=2), job.created_at - timedelta(days=1))
    wish = Wish(created_from=around[0], created_to=around[1])
    assert wish.first_id < wish.end_id < job.id
    now = Wish(created_from=job.created_at, created_to=job.created_at)
    assert now.first_id < job.id < now.end_id


async def test_a_plus_that_was_not_encoded_is_understood(service: Service) -> None:
    await service.create_one(in_seconds=60, name="one")
    async with asking(service) as http:
        reply = await http.get(f"{JOBS}?createdFrom=2024-01-01T00:00:00+02:00")
    assert [item["name"] for item in reply.json()["data"]["items"]] == ["one"]


async def test_walks_with_a_bound_come_to_every_job_in_the_end(actors: Actors) -> None:
    """Pages may be short or empty; what is found is the same, in the same order."""
    service = actors.service
    for n in range(12):
        await service.create_one(
            in_seconds=900, name=f"job {n}", labels=json.dumps({"n": str(n % 4)})
        )
        await cancelled(actors)
    wide = service.stores.listing
    tight = Listing(service.stores.database, stretch=2, narrow=3)
    for wish in (
        Wish(),
        Wish(labels={"n": "1"}),
        Wish(name="job 1"),
        Wish(statuses=frozenset({JobStatus.CREATED})),
        Wish(statuses=frozenset({JobStatus.CREATED, JobStatus.CANCELLED}), name="job"),
        Wish(statuses=frozenset({JobStatus.FAILED, JobStatus.CANCELLED})),
        Wish(statuses=frozenset({JobStatus.SUCCESS, JobStatus.CANCELLED})),
    ):
        expected = (await wide.page(wish, below=None, limit=100)).jobs
        found, below, empty = [], None, 0
        while True:
            page = await tight.page(wish, below=below, limit=5)
            found += page.jobs
            empty += not page.jobs
            if page.below is None:
                break
            assert below is None or page.below < below, "each page gets further"
            below = page.below
        assert [job.id for job in found] == [job.id for job in expected], wish


async def test_a_page_ends_where_its_payloads_grow_too_large(
    service: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    jobs = [await service.create_one(in_seconds=60, payload='{"text": "0123"}') for _ in range(5)]
    (size,) = await service.raw.fetchrow("SELECT pg_column_size(payload) FROM jobs LIMIT 1") or [0]
    monkeypatch.setattr("job_service.postgres.listing.PAGE_BYTES", 2 * size)
    page = await service.stores.listing.page(Wish(), below=None, limit=50)
    assert [job.id for job in page.jobs] == [job.id for job in jobs[:-3:-1]]
    assert page.below == page.jobs[-1].id


async def test_ready_to_schedule_is_what_is_created_and_due(actors: Actors) -> None:
    service = actors.service
    for make in MAKERS:
        await make(actors)
    late = await service.create_one(in_seconds=-60, name="late", job_type="NOBODY")
    best = await service.create_one(in_seconds=-10, name="best", priority=90)
    async with asking(service) as http:
        ready = await data_of(http, f"{JOBS}/ready-to-schedule")
        assert [job["jobId"] for job in ready] == [str(best.id), str(late.id)]
        assert ready[0] == await data_of(http, f"{JOBS}/{best.id}")


async def test_ready_to_run_is_what_is_scheduled_and_not_leased(actors: Actors) -> None:
    service = actors.service
    taken = await claimed(actors)
    for make in (created, held, running, succeeded, failed, dead_letter, cancelled):
        await make(actors)
    by_hand = await service.create_one(in_seconds=500)
    await service.operations.change.schedule_now(by_hand.id, None, [JobStatus.CREATED])
    async with asking(service) as http:
        ready = await data_of(http, f"{JOBS}/ready-to-run")
    assert [job["jobId"] for job in ready] == [str(taken.id), str(by_hand.id)]


@pytest.mark.parametrize(
    ("query", "where"),
    [
        ("status=DONE", "status"),
        ("status=created", "status"),
        ("limit=0", "limit"),
        ("limit=201", "limit"),
        ("limit=many", "limit"),
        ("name=", "name"),
        ("name=a%00b", "name"),
        ("label=team", "label"),
        ("label=:a", "label"),
        ("label=team:a&label=team:b", "label"),
        ("createdFrom=yesterday", "createdFrom"),
        ("createdFrom=2026-01-01", "createdFrom"),
        ("scheduledTo=2026-02-30T00:00:00Z", "scheduledTo"),
        ("stauts=FAILED", "stauts"),
        ("cursor=", "cursor"),
        ("cursor=xyz", "cursor"),
        ("cursor=%F0%9F%98%80", "cursor"),
        ("cursor=" + "A" * 32, "cursor"),
        ("cursor=" + "A" * 5000, "cursor"),
    ],
)
async def test_a_query_that_does_not_fit_is_refused(
    service: Service, query: str, where: str
) -> None:
    async with asking(service) as http:
        reply = await http.get(f"{JOBS}?{query}")
    assert reply.status_code == 422, reply.text
    assert reply.headers["content-type"] == "application/problem+json"
    body = reply.json()
    assert body["type"] == "/problems/validation"
    assert where in str(body["errors"])


async def test_a_cursor_is_good_for_its_own_list_only(service: Service) -> None:
    await service.create(3, in_seconds=60)
    async with asking(service) as http:
        cursor = (await data_of(http, JOBS, limit=1, status="CREATED"))["nextCursor"]
        page = await data_of(http, JOBS, limit=200, status="CREATED", cursor=cursor)
        assert len(page["items"]) == 2
        for query in ({}, {"status": "FAILED"}, {"status": "CREATED", "name": "a"}):
            reply = await http.get(JOBS, params={**query, "cursor": cursor})
            assert reply.status_code == 422
            assert reply.json()["errors"][0]["loc"] == ["cursor"]
        reply = await http.get("/api/v1/nodes", params={"cursor": cursor})
        assert reply.status_code == 422
        changed = cursor[:-1] + ("A" if cursor[-1] != "A" else "B")
        reply = await http.get(JOBS, params={"status": "CREATED", "cursor": changed})
        assert reply.status_code == 422


async def test_nodes_come_newest_first_in_pages(service: Service) -> None:
    nodes = [str(await service.worker()) for _ in range(3)] + [str(await service.scheduler())]
    async with asking(service) as http:
        items = await all_items(http, "/api/v1/nodes", limit=3)
    assert [item["nodeId"] for item in items] == nodes[::-1]
    assert {"role", "slots", "running", "types", "topicPartitions", "version"} <= items[0].keys()
