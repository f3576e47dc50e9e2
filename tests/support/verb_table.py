"""What every verb answers in every state, found by trying: the tables of docs/api.md.

    python -m tests.support.verb_table --write

Jobs come into their state by the protocol, and by SQL past every rule where nothing brings them there yet.
"""

import asyncio
import sys
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from uuid import UUID

import httpx

from job_service.domain.lifecycle import allowed_to_clients
from job_service.postgres.migrate import migrate
from shared.contracts.states import JobStatus
from shared.runtime.settings import LeaseTimes
from tests.support import given
from tests.support.api import JOBS, calling, problem_of
from tests.support.components import postgres_server
from tests.support.databases import fresh_database
from tests.support.given import Actors
from tests.support.job_service import open_service, seconds_from_now
from tests.support.marked_text import with_part
from tests.support.source_files import ROOT

PAGE: Path = ROOT / "docs" / "api.md"
PART = "verbs"
LATER = "2099-06-01T00:00:00Z"


@dataclass(frozen=True)
class Given:
    """A job in its state. `token` ends it by hand."""

    job_id: UUID
    version: int
    token: str | None = None


Situation = Callable[[Actors], Awaitable[Given]]
Call = Callable[[httpx.AsyncClient, Given], Awaitable[httpx.Response]]


def _by(make: Callable[[Actors], Awaitable[Any]]) -> Situation:
    async def situation(actors: Actors) -> Given:
        job = await make(actors)
        return Given(job.id, job.version)

    return situation


async def _by_hand(actors: Actors) -> Given:
    job = await given.claimed(actors)
    started, token = await actors.service.operations.change.start_by_hand(job.id, None)
    return Given(started.id, started.version, token)


async def _expired(actors: Actors) -> Given:
    job = await actors.service.create_one(in_seconds=1000, expires_at=seconds_from_now(-1))
    await actors.service.duty("expire")
    return Given(job.id, 1)


async def _abandoned(actors: Actors) -> Given:
    job = await given.dead_letter(actors)
    after = await actors.service.operations.change.abandon(job.id, None)
    return Given(after.id, after.version)


def _planted(status: JobStatus) -> Situation:
    async def situation(actors: Actors) -> Given:
        job = await given.created(actors)
        raw = actors.service.raw
        async with raw.transaction():
            await raw.execute("SET LOCAL session_replication_role = replica")
            await raw.execute(
                "UPDATE jobs SET status = $2, attempt = 1, version = 3 WHERE id = $1",
                job.id,
                status,
            )
            await raw.execute("DELETE FROM due WHERE job_id = $1", job.id)
        return Given(job.id, 3)

    return situation


S = JobStatus
SITUATIONS: Mapping[str, tuple[JobStatus, Situation]] = {
    "CREATED": (S.CREATED, _by(given.created)),
    "SCHEDULED, nobody holds it": (S.SCHEDULED, _by(given.claimed)),
    "SCHEDULED, held by a worker": (S.SCHEDULED, _by(given.held)),
    "RUNNING on a worker": (S.RUNNING, _by(given.running)),
    "RUNNING by hand": (S.RUNNING, _by_hand),
    "WAITING": (S.WAITING, _planted(S.WAITING)),
    "FAILED, a try to come": (S.FAILED, _by(given.failed)),
    "FAILED for good": (S.FAILED, _by(given.dead_letter)),
    "STOPPED": (S.STOPPED, _planted(S.STOPPED)),
    "SUCCESS": (S.SUCCESS, _by(given.succeeded)),
    "CANCELLED": (S.CANCELLED, _by(given.cancelled)),
    "EXPIRED": (S.EXPIRED, _expired),
    "ABANDONED": (S.ABANDONED, _abandoned),
}


def _post(verb: str) -> Call:
    return lambda http, job: http.post(f"{JOBS}/{job.job_id}/{verb}")


def _patch(**fields: Any) -> Call:
    return lambda http, job: http.patch(
        f"{JOBS}/{job.job_id}", json=fields, headers={"If-Match": f'"{job.version}"'}
    )


def _state(status: JobStatus) -> Call:
    return lambda http, job: http.patch(
        f"{JOBS}/{job.job_id}/state",
        json={"status": status, "version": job.version, "leaseToken": job.token},
    )


async def _read(http: httpx.AsyncClient, job: Given) -> httpx.Response:
    where = f"{JOBS}/{job.job_id}"
    for part in ("history", "executions", "why"):
        reply = await http.get(f"{where}/{part}")
        assert reply.status_code == 200, reply.text
    return await http.get(where)


VERBS: Mapping[str, Call] = {
    "GET": _read,
    "PATCH time": _patch(scheduledTime=LATER),
    "PATCH labels": _patch(labels={"a": "b"}),
    "cancel": _post("cancel"),
    "retry": _post("retry"),
    "abandon": _post("abandon"),
    "rerun": _post("rerun"),
    "DELETE": lambda http, job: http.delete(f"{JOBS}/{job.job_id}"),
}
STATES: Mapping[str, Call] = {status.value: _state(status) for status in S}

Answers = Mapping[str, Mapping[str, str]]
"""By situation and verb: the status, and the state afterwards where it is another."""


async def answers(url: str, calls: Mapping[str, Call]) -> Answers:
    """Every call in every situation, each on a job of its own."""
    found: dict[str, dict[str, str]] = {}
    patient = LeaseTimes(ttl=600, scheduler_ttl=600)
    async with open_service(url, lease=patient) as service, calling(service) as http:
        actors = Actors(service, await service.scheduler(), await service.worker())
        for name, (status, situation) in SITUATIONS.items():
            found[name] = {}
            for verb, call in calls.items():
                job = await situation(actors)
                found[name][verb] = _cell(await call(http, job), status)
                for table in ("due", "inflight"):
                    await service.raw.execute(f"DELETE FROM {table}")
    return found


def _cell(reply: httpx.Response, before: JobStatus) -> str:
    """What the table says of an answer; one that it should not be is an error."""
    if reply.status_code == 204:
        return "204"
    if reply.status_code in {200, 201, 202}:
        after = reply.json()["data"]["status"]
        return f"{reply.status_code}" if after == before else f"{reply.status_code} {after}"
    slug = reply.json()["type"].removeprefix("/problems/")
    body = problem_of(reply, 409, slug)
    if slug == "lease-lost":
        return "409 lease-lost"
    assert slug == "illegal-transition"
    assert (body["current"], body["allowed"]) == (before, allowed_to_clients(before))
    assert all(state in body["message"] for state in body["allowed"])
    return "409"


def table(found: Answers) -> str:
    """For Markdown."""
    verbs = list(next(iter(found.values())))
    lines = [f"| state | {' | '.join(verbs)} |", f"|---|{'---|' * len(verbs)}"]
    for situation, cells in found.items():
        lines.append(f"| {situation} | {' | '.join(cells[verb] for verb in verbs)} |")
    return "\n".join([*lines, ""])


async def part(url: str) -> str:
    """Both tables."""
    head = "The state set by hand, `PATCH /api/v1/jobs/{jobId}/state`, by the state asked for:"
    return f"{table(await answers(url, VERBS))}\n{head}\n\n{table(await answers(url, STATES))}"


def main() -> None:
    """Print the tables, or write them into the page."""
    with postgres_server() as admin, fresh_database(admin) as url:
        migrate(url)
        text = asyncio.run(part(url))
    if "--write" in sys.argv[1:]:
        PAGE.write_text(with_part(PAGE.read_text(), PART, text))
    else:
        sys.stdout.write(text)


if __name__ == "__main__":
    main()
