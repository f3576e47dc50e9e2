"""Waiting for a job's end: every transition told once and in order, no longer than asked."""

from typing import Any

import httpx
import pytest

from punctual.cli.client import Client
from punctual.cli.jobs.settle import Watch
from punctual.cli.jobs.shapes import is_settled
from punctual.cli.problems import WaitedEnough
from punctual.cli.where import Place

LIFE = ["CREATED", "SCHEDULED", "RUNNING", "FAILED", "SCHEDULED", "RUNNING", "SUCCESS"]


class World:
    """A job that lives on while its watcher sleeps: one transition each `pace` seconds."""

    def __init__(self, pace: float) -> None:
        self.pace, self.now, self.requests = pace, 0.0, 0

    def sleep(self, seconds: float) -> None:
        self.now += seconds

    def watch(self) -> Watch:
        client = Client(
            Place("http://jobs.test", "--url"),
            retry_for=0.0,
            transport=httpx.MockTransport(self._answer),
        )
        return Watch(client, "j", clock=lambda: self.now, sleep=self.sleep)

    def _answer(self, request: httpx.Request) -> httpx.Response:
        self.requests += 1
        version = min(int(self.now / self.pace), len(LIFE) - 1)
        data: Any = {"version": version, "status": LIFE[version], "nextAttemptAt": "soon"}
        if request.url.path.endswith("/history"):
            # One row more than the job had when it was looked at: it may come at any time.
            data = [{"version": v, "to": to} for v, to in enumerate(LIFE[: version + 2])]
        return httpx.Response(200, json={"data": data})


@pytest.mark.parametrize("pace", [0.01, 0.3, 1.0, 20.0])
def test_every_transition_is_told_once_and_in_order(pace: float) -> None:
    world, told = World(pace), list[str]()
    job = world.watch().until_settled(None, lambda row: told.append(row["to"]))
    assert (job["status"], told) == ("SUCCESS", LIFE)


def test_the_end_of_a_job_is_seen_within_a_second() -> None:
    world = World(20.0)
    world.watch().until_settled(None)
    assert 120.0 <= world.now <= 121.0
    assert world.requests < 200


def test_it_waits_no_longer_than_asked() -> None:
    world = World(20.0)
    with pytest.raises(
        WaitedEnough, match="has not settled after 30 s: punctual job why"
    ) as caught:
        world.watch().until_settled(30.0)
    assert world.now == pytest.approx(30.0)
    assert caught.value.document()["job"]["status"] == "SCHEDULED"


@pytest.mark.parametrize(
    ("status", "next_attempt", "settled"),
    [
        ("SUCCESS", None, True),
        ("CANCELLED", None, True),
        ("EXPIRED", None, True),
        ("ABANDONED", None, True),
        ("STOPPED", None, True),
        ("FAILED", None, True),
        ("FAILED", "2026-11-21T10:00:00.000Z", False),
        ("CREATED", None, False),
        ("SCHEDULED", None, False),
        ("RUNNING", None, False),
        ("WAITING", None, False),
    ],
)
def test_what_settled_means(status: str, next_attempt: str | None, settled: bool) -> None:
    assert is_settled({"status": status, "nextAttemptAt": next_attempt}) is settled
