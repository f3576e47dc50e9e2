"""`punctual dlq` and `punctual worker` against a real stack."""

import asyncio
import json
import os
import pty
import subprocess
from collections.abc import Iterator
from typing import Any
from uuid import uuid4

import pytest
from aiokafka import AIOKafkaProducer

from punctual.local import processes
from shared.runtime.settings import Kafka
from tests.support.punctual import LIMIT_SECONDS, PUNCTUAL, Punctual
from tests.support.stacks import RunningStack, running_stack
from tests.support.waiting import wait_until

BOOM = {"sleepMs": 0, "fail": "boom"}
NO_SUCH = "019a9b1c-0d6e-7c3f-a2b4-5d6e7f809102"


@pytest.fixture(scope="module")
def stack() -> Iterator[RunningStack]:
    with running_stack(workers=2) as running:
        yield running


@pytest.fixture
def punctual(stack: RunningStack) -> Punctual:
    return Punctual({"PUNCTUAL_URL": str(stack.http.base_url)})


def dead(stack: RunningStack, count: int, name: str) -> list[str]:
    """Jobs of that name that have failed for good."""
    ids = stack.create_many(count, name=name, payload=BOOM, maxAttempts=1)
    stack.wait_settled(ids, within=30)
    return ids


def test_letters_are_listed_shown_and_exported(punctual: Punctual, stack: RunningStack) -> None:
    name = f"listed {uuid4().hex}"
    ids = dead(stack, 3, name)
    page = punctual.json("dlq", "list", "--name", name, "--reason", "failed", "--limit", "2")
    assert [one["jobId"] for one in page["items"]] == ids[:0:-1]
    rest = punctual.json(
        "dlq", "list", "--name", name, "--reason", "failed", "--cursor", page["nextCursor"]
    )
    assert [one["jobId"] for one in rest["items"]] == ids[:1]
    table = punctual.text("dlq", "list", "--name", name).splitlines()
    assert table[0].split() == ["JOB", "TYPE", "REASON", "FAILED", "ATTEMPT", "NAME", "ERROR"]
    assert [line.split()[0] for line in table[1:]] == ids[::-1]
    assert punctual.text("dlq", "list", "--name", "nobody") == "No dead letter fits.\n"
    document = punctual.json("dlq", "show", ids[0])
    assert (document["reason"], document["executions"][0]["error"]) == ("failed", "boom")
    assert "attempt 1" in punctual.text("dlq", "show", ids[0])
    whole = _lines(punctual.text("dlq", "export", "--name", name))
    assert [line["jobId"] for line in whole] == ids[::-1]
    after = punctual.text("dlq", "export", "--name", name, "--cursor", whole[0]["cursor"])
    assert _lines(after) == whole[1:]


def test_a_job_that_is_no_letter_is_a_no(punctual: Punctual, stack: RunningStack) -> None:
    job = stack.create(scheduledTime="2999-01-01T00:00:00Z")
    done = punctual.run("dlq", "show", job["jobId"])
    assert done.returncode == 1
    assert "no dead letter" in done.stderr
    assert "CREATED" in punctual.refused("dlq", "retry", job["jobId"], code=1)


def test_all_that_match_are_retried_and_followed_to_the_end(
    punctual: Punctual, stack: RunningStack
) -> None:
    name = f"bulk {uuid4().hex}"
    ids = dead(stack, 4, name)
    key = uuid4().hex
    dry = punctual.json("dlq", "retry", "--name", name, "--dry-run", "--watch")
    assert (dry["state"], dry["matched"], dry["done"]) == ("done", 4, 0)
    action = punctual.json("dlq", "retry", "--name", name, "--watch", "--key", key)
    assert (action["state"], action["matched"], action["done"]) == ("done", 4, 4)
    again = punctual.json("dlq", "retry", "--name", name, "--key", key)
    assert again["bulkActionId"] == action["bulkActionId"]
    stack.wait_settled(ids, within=30)
    assert {
        row["actor"] for job in ids for row in stack.history(job) if row["from"] == "FAILED"
    } == {f"bulk:{action['bulkActionId']}"}
    report = punctual.json("dlq", "jobs", action["bulkActionId"], "--outcome", "done")["items"]
    assert [one["jobId"] for one in report] == ids[::-1]
    assert punctual.json("dlq", "status", action["bulkActionId"]) == action
    assert action in punctual.json("dlq", "actions")
    assert action["bulkActionId"] in punctual.text("dlq", "actions")


def test_one_letter_is_retried_and_one_is_given_up(punctual: Punctual, stack: RunningStack) -> None:
    first, second = dead(stack, 2, "one by one")
    assert punctual.json("dlq", "retry", first)["maxAttempts"] == 2
    assert punctual.json("dlq", "abandon", second)["status"] == "ABANDONED"


def test_a_watch_shows_how_far_a_handler_is_and_its_log(
    punctual: Punctual, stack: RunningStack
) -> None:
    job = stack.create("TELLER", payload={"seconds": 4.0})["jobId"]
    drawn, code = _drawn(punctual, "job", "watch", job)
    assert code == 0
    assert "━" in drawn
    assert "3/10" in drawn
    (line,) = punctual.json("job", "log", job)
    assert (line["attempt"], line["level"], line["text"]) == (1, "info", "three parts are done")
    assert "three parts are done" in punctual.text("job", "log", job)
    again = stack.create("TELLER", payload={"seconds": 4.0})["jobId"]
    said = punctual.run("job", "watch", again).stderr
    assert said == "punctual: progress: 3 of 10 parts\n"


def test_a_progress_bar_is_drawn_on_a_terminal(punctual: Punctual, stack: RunningStack) -> None:
    name = f"bar {uuid4().hex}"
    dead(stack, 2, name)
    drawn, code = _drawn(punctual, "dlq", "abandon", "--name", name, "--watch")
    assert code == 0
    assert "━" in drawn
    assert "2/2" in drawn


def _drawn(punctual: Punctual, *words: str) -> tuple[str, int]:
    """What a terminal gets on standard error, and the exit code."""
    mine, its = pty.openpty()
    with subprocess.Popen(
        [PUNCTUAL, *words], env=punctual.environ, stdout=subprocess.DEVNULL, stderr=its
    ) as process:
        os.close(its)
        drawn = _all_of(mine)
        code = process.wait(LIMIT_SECONDS)
    os.close(mine)
    return drawn, code


def _all_of(terminal: int) -> str:
    found = b""
    while True:
        try:
            part = os.read(terminal, 65_536)
        except OSError:  # the other end is closed
            return found.decode(errors="replace")
        found += part


def test_an_action_is_stopped(punctual: Punctual) -> None:
    action = punctual.json("dlq", "retry", "--name", "nobody")
    stopped = punctual.json("dlq", "stop", action["bulkActionId"])
    assert stopped["state"] in {"stopped", "done"}
    code = 0 if stopped["state"] == "done" else 1
    assert punctual.run("dlq", "status", action["bulkActionId"], "--watch").returncode == code


@pytest.mark.parametrize(
    ("words", "hint"),
    [
        (["dlq", "retry"], "--all"),
        (["dlq", "retry", "--all", "--name", "x"], "--all"),
        (["dlq", "retry", NO_SUCH, "--all"], "--all"),
        (["dlq", "retry", NO_SUCH], NO_SUCH),
        (["dlq", "list", "--reason", "bored"], "reason"),
        (["dlq", "list", "--created-from", "2026-11-21"], "date"),
        (["dlq", "status", "17"], "dlq actions"),
        (["dlq", "status", NO_SUCH], NO_SUCH),
        (["dlq", "stop", NO_SUCH], NO_SUCH),
        (["dlq", "jobs", NO_SUCH], NO_SUCH),
        (["dlq", "parked", "show", "x"], "parked record"),
        (["dlq", "parked", "drop", "x"], "parked record"),
        (["worker", "drain", "17"], "worker list"),
        (["worker", "drain", NO_SUCH], NO_SUCH),
    ],
)
def test_what_cannot_be_done_is_said(punctual: Punctual, words: list[str], hint: str) -> None:
    assert hint in punctual.refused(*words)
    assert hint in punctual.json(*words, code=2)["message"]


def test_an_export_from_a_server_that_is_not_there() -> None:
    nowhere = Punctual({"PUNCTUAL_URL": "http://127.0.0.1:1"})
    assert "make up" in nowhere.refused("dlq", "export")


def test_parked_records_are_listed_shown_and_dropped(
    punctual: Punctual, stack: RunningStack
) -> None:
    asyncio.run(_send(stack, b"not a dispatch"))

    def parked() -> list[Any]:
        found: list[Any] = punctual.json("dlq", "parked", "list", "--partition", "3")["items"]
        return found

    (record,) = wait_until(parked, within=20, what="the record to be parked")
    assert (record["topicPartition"], record["size"]) == (3, 14)
    shown = punctual.json("dlq", "parked", "show", record["recordId"])
    assert (shown["text"], shown["raw"]) == ("not a dispatch", "bm90IGEgZGlzcGF0Y2g=")
    assert "not a dispatch" in punctual.text("dlq", "parked", "show", record["recordId"])
    assert punctual.json("dlq", "parked", "drop", record["recordId"])["dropped"] is True
    assert parked() == []
    assert "parked record" in punctual.refused("dlq", "parked", "show", record["recordId"])


async def _send(stack: RunningStack, value: bytes) -> None:
    bootstrap = stack.stack.plan.kafka_bootstrap
    async with AIOKafkaProducer(bootstrap_servers=bootstrap) as producer:
        await producer.send_and_wait(Kafka().request_topic, value, partition=3)


def test_a_worker_that_is_asked_drains_and_ends(punctual: Punctual, stack: RunningStack) -> None:
    """It finishes what it runs, leaves, and ends with exit code 0; the other one goes on."""
    runs = stack.create(payload={"sleepMs": 1_500})["jobId"]
    wait_until(lambda: stack.job(runs)["status"] == "RUNNING", within=20, what="it to run")
    (execution,) = stack.executions(runs)
    (node,) = [n for n in punctual.json("worker", "list") if n["nodeId"] == execution["node"]]
    name = next(n for n in ("worker-1", "worker-2") if stack.stack.plan.url(n) == node["address"])
    pid = stack.stack.pid(name)
    assert pid is not None
    process = processes._children[pid]
    left = punctual.json("worker", "drain", node["nodeId"], "--wait")
    assert (left["state"], left["drainAskedAt"] is not None) == ("dead", True)
    assert process.wait(LIMIT_SECONDS) == 0
    assert stack.states(runs) == ["CREATED", "SCHEDULED", "RUNNING", "SUCCESS"]
    again = punctual.json("worker", "drain", node["nodeId"], code=1)
    assert again["type"] == "/problems/not-drainable"
    assert stack.wait_settled(stack.create_many(3, payload={"sleepMs": 0}), within=20)
    assert node["nodeId"] in punctual.text("worker", "list")


def _lines(text: str) -> list[dict[str, Any]]:
    return [json.loads(line) for line in text.splitlines()]
