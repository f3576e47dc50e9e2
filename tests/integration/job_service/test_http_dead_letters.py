"""The routes on dead letters: lists, exports, bulk actions."""

import json
from typing import Any
from uuid import UUID, uuid4

import httpx
import pytest

from job_service.domain.letters import LetterWish
from job_service.postgres.dead_letters import DeadLetters
from shared.contracts.base import rfc3339
from shared.contracts.states import JobStatus, Outcome
from tests.support.api import calling, data_of, problem_of
from tests.support.asking import all_items
from tests.support.given import Actors, cancelled, failed, running, succeeded
from tests.support.job_service import Service
from tests.support.letters import crank, letters, one_letter

LETTERS, BULKS = "/api/v1/dead-letters", "/api/v1/bulk-actions"


async def names(service: Service, **query: Any) -> list[str]:
    async with calling(service) as http:
        return [item["name"] for item in await all_items(http, LETTERS, **query)]


async def test_only_jobs_that_failed_for_good_are_letters(actors: Actors) -> None:
    for make in (succeeded, failed, running, cancelled):
        await make(actors)
    (letter,) = await letters(actors, 1, name="a letter")
    async with calling(actors.service) as http:
        (item,) = data_of(await http.get(LETTERS))["items"]
        job = data_of(await http.get(f"/api/v1/jobs/{letter.id}"))
    assert item == {**job, "reason": "failed"}


async def test_letters_come_newest_first_in_pages(actors: Actors) -> None:
    await letters(actors, 3, name="old")
    await letters(actors, 2, name="new")
    service = actors.service
    assert await names(service, limit=2) == ["new", "new", "old", "old", "old"]


async def test_each_filter_lets_through_what_it_says(actors: Actors) -> None:
    service = actors.service
    old = await one_letter(actors, name="old", labels='{"team": "a"}')
    late = await one_letter(actors, name="late", labels='{"team": "b"}', reason="timeout")
    hand = await one_letter(actors, name="hand")
    assert await names(service, reason="failed") == ["hand", "old"]
    assert await names(service, reason="timeout") == ["late"]
    assert await names(service, reason="poison") == []
    assert await names(service, jobType="DUMMY") == ["hand", "late", "old"]
    assert await names(service, jobType="DUMMY", reason="timeout") == ["late"]
    assert await names(service, jobType="OTHER") == []
    assert await names(service, name="la") == ["late"]
    assert await names(service, label="team:a") == ["old"]
    assert old.finished_at is not None
    assert late.finished_at is not None
    assert await names(service, finishedTo=rfc3339(old.finished_at)) == ["old"]
    assert await names(service, finishedFrom=rfc3339(late.finished_at)) == ["hand", "late"]
    assert await names(service, createdFrom=rfc3339(hand.created_at)) == ["hand"]
    assert await names(service, createdTo=rfc3339(old.created_at)) == ["old"]


async def test_a_letter_that_is_retried_or_given_up_is_none_any_more(actors: Actors) -> None:
    service = actors.service
    kept, retried, given_up, deleted = await letters(actors, 4)
    await service.operations.change.schedule_now(retried.id, None, [JobStatus.FAILED])
    await service.operations.change.abandon(given_up.id, None)
    await service.operations.delete.delete(deleted.id)
    page = await service.stores.letters.page(LetterWish(), below=None, limit=10)
    assert [letter.job.id for letter in page.letters] == [kept.id]


async def test_the_reason_is_that_of_the_last_failure(actors: Actors) -> None:
    """Also if the row of the letter was there before."""
    service = actors.service
    letter = await one_letter(actors)
    await service.operations.change.schedule_now(letter.id, None, [JobStatus.FAILED])
    (lease,) = await service.lease(actors.worker, await service.claim(actors.scheduler))
    await service.finish(actors.worker, lease, Outcome.FAILED, reason="timeout", retry=False)
    (found,) = (await service.stores.letters.page(LetterWish(), below=None, limit=10)).letters
    assert found.reason == "timeout"


async def test_a_walk_has_a_bound_and_goes_on_where_it_ended(actors: Actors) -> None:
    await letters(actors, 1, name="deep")
    await letters(actors, 6, name="other")
    store = DeadLetters(actors.service.stores.database, narrow=3)
    below, found, pages = None, [], 0
    while True:
        page = await store.page(LetterWish(name="deep"), below=below, limit=10)
        found += [letter.job.name for letter in page.letters]
        pages += 1
        below = page.below
        if below is None:
            break
    assert (found, pages) == (["deep"], 3)


async def lines(http: httpx.AsyncClient, path: str, **query: Any) -> list[dict[str, Any]]:
    reply = await http.get(path, params=query)
    assert reply.status_code == 200, reply.text
    assert reply.headers["content-type"] == "application/x-ndjson"
    return [json.loads(line) for line in reply.text.splitlines()]


async def test_an_export_is_all_that_match_and_goes_on_after_any_line(actors: Actors) -> None:
    mine = await letters(actors, 5, name="mine")
    await letters(actors, 2, name="other")
    async with calling(actors.service) as http:
        whole = await lines(http, f"{LETTERS}/export", name="mine")
        listed = data_of(await http.get(LETTERS, params={"name": "mine"}))["items"]
        rest = await lines(http, f"{LETTERS}/export", name="mine", cursor=whole[1]["cursor"])
        refused = await http.get(f"{LETTERS}/export", params={"cursor": whole[1]["cursor"]})
    assert [line["jobId"] for line in whole] == [str(job.id) for job in reversed(mine)]
    assert [{k: v for k, v in line.items() if k != "cursor"} for line in whole] == listed
    assert rest == whole[2:]
    assert "another list" in problem_of(refused, 422, "validation")["message"]


async def test_an_export_is_read_in_pages(actors: Actors) -> None:
    """More than one page holds."""
    for _ in range(5):
        await letters(actors, 90)
    async with calling(actors.service) as http:
        assert len({line["jobId"] for line in await lines(http, f"{LETTERS}/export")}) == 450


async def test_a_bulk_action_from_its_begin_to_its_report(actors: Actors) -> None:
    service = actors.service
    mine = await letters(actors, 3, name="mine")
    (gone,) = await letters(actors, 1, name="mine too")
    body = {"action": "retry", "filter": {"name": "mine", "jobType": "DUMMY"}, "mostJobs": 10}
    async with calling(service) as http:
        reply = await http.post(BULKS, json=body)
        begun = data_of(reply, 202)
        assert reply.headers["location"] == f"{BULKS}/{begun['bulkActionId']}"
        assert (begun["state"], begun["dryRun"], begun["filter"]) == (
            "matching",
            False,
            body["filter"],
        )
        path = f"{BULKS}/{begun['bulkActionId']}"
        await service.duty("run_bulk_actions")
        await service.operations.delete.delete(gone.id)
        await crank(service, UUID(begun["bulkActionId"]))
        ended = data_of(await http.get(path))
        counts = {name: ended[name] for name in ("matched", "done", "skipped", "failed", "left")}
        assert counts == {"matched": 4, "done": 3, "skipped": 1, "failed": 0, "left": 0}
        assert (ended["state"], ended["finishedAt"] is not None) == ("done", True)
        report = await all_items(http, f"{path}/jobs", limit=2)
        assert [one["jobId"] for one in report] == [str(j.id) for j in [gone, *reversed(mine)]]
        assert [(one["outcome"], one["note"]) for one in report] == [
            ("skipped", "deleted"),
            *[("done", None)] * 3,
        ]
        (skipped,) = await all_items(http, f"{path}/jobs", outcome="skipped")
        assert skipped["jobId"] == str(gone.id)
        exported = await lines(http, f"{path}/export")
        assert [line["jobId"] for line in exported] == [one["jobId"] for one in report]
        assert [line["job"] and line["job"]["status"] for line in exported] == [
            None,
            *["SCHEDULED"] * 3,
        ]
        assert await lines(http, f"{path}/export", cursor=exported[2]["cursor"]) == exported[3:]
        history = data_of(await http.get(f"/api/v1/jobs/{mine[0].id}/history"))
    assert (history[-1]["reason"], history[-1]["actor"]) == (
        "bulk-retried",
        f"bulk:{begun['bulkActionId']}",
    )


async def test_the_same_key_begins_one_action(actors: Actors) -> None:
    body = {"action": "abandon", "filter": {"reason": "poison"}, "dryRun": True}
    headers = {"Idempotency-Key": uuid4().hex}
    async with calling(actors.service) as http:
        first = data_of(await http.post(BULKS, json=body, headers=headers), 202)
        again = data_of(await http.post(BULKS, json=body, headers=headers), 202)
        other = await http.post(BULKS, json={**body, "dryRun": False}, headers=headers)
        listed = data_of(await http.get(BULKS))["items"]
    assert again == first
    assert listed == [first]
    problem_of(other, 422, "idempotency-key-reused")


async def test_actions_are_listed_newest_first_and_stopped(actors: Actors) -> None:
    async with calling(actors.service) as http:
        begun = [data_of(await http.post(BULKS, json=a_bulk()), 202) for _ in range(3)]
        listed = await all_items(http, BULKS, limit=2)
        assert listed == begun[::-1]
        path = f"{BULKS}/{begun[0]['bulkActionId']}"
        stopped = data_of(await http.post(f"{path}/stop"))
        assert (stopped["state"], stopped["finishedAt"] is not None) == ("stopped", True)
        assert data_of(await http.post(f"{path}/stop")) == stopped


async def test_no_more_actions_are_open_than_may_be(actors: Actors) -> None:
    async with calling(actors.service) as http:
        for _ in range(20):
            data_of(await http.post(BULKS, json=a_bulk()), 202)
        problem = problem_of(await http.post(BULKS, json=a_bulk()), 409, "too-many-bulk-actions")
        assert problem["most"] == 20
        last = data_of(await http.get(BULKS))["items"][-1]["bulkActionId"]
        await http.post(f"{BULKS}/{last}/stop")
        data_of(await http.post(BULKS, json=a_bulk()), 202)


@pytest.mark.parametrize(
    ("body", "where"),
    [
        ({"action": "cancel", "filter": {}}, "action"),
        ({"action": "retry"}, "filter"),
        ({"action": "retry", "filter": {"status": "FAILED"}}, "filter.status"),
        ({"action": "retry", "filter": {"reason": "bored"}}, "filter.reason"),
        ({"action": "retry", "filter": {"createdFrom": "2026-11-21"}}, "filter.createdFrom"),
        ({"action": "retry", "filter": {}, "mostJobs": 0}, "mostJobs"),
        ({"action": "retry", "filter": {}, "mostJobs": 1_000_001}, "mostJobs"),
    ],
)
async def test_an_action_that_does_not_fit(
    service: Service, body: dict[str, Any], where: str
) -> None:
    async with calling(service) as http:
        problem = problem_of(await http.post(BULKS, json=body), 422, "validation")
    assert problem["message"].startswith(where)


@pytest.mark.parametrize(
    "query",
    [
        {"reason": "bored"},
        {"status": "FAILED"},
        {"limit": 0},
        {"limit": 201},
        {"cursor": "made-up"},
        {"label": "team"},
        {"finishedFrom": "2026-11-21"},
    ],
)
async def test_a_list_that_does_not_fit(service: Service, query: dict[str, Any]) -> None:
    async with calling(service) as http:
        problem_of(await http.get(LETTERS, params=query), 422, "validation")


async def test_an_action_that_is_not_there(service: Service) -> None:
    path = f"{BULKS}/{uuid4()}"
    async with calling(service) as http:
        for reply in (
            await http.get(path),
            await http.post(f"{path}/stop"),
            await http.get(f"{path}/jobs"),
            await http.get(f"{path}/export"),
        ):
            problem_of(reply, 404, "not-found")


def a_bulk() -> dict[str, Any]:
    return {"action": "retry", "filter": {"name": "nobody"}}
