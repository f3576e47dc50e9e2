"""contract.md section 3: what is on the two topics."""

import hashlib
import json
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

from shared.runtime.settings import Kafka
from tests.support import topics
from tests.support.by_hand import lag, put, record
from tests.support.databases import run_coroutine
from tests.support.events import first_seen, seen
from tests.support.looking import rows
from tests.support.stacks import RunningStack
from tests.support.waiting import wait_until

TRACE = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"


def test_the_dispatch_record(stack: RunningStack) -> None:
    """`job-execution-requests`: key null or the ordering key; CloudEvents 1.0 binary mode headers (`ce_type:
    punctual.dispatch.v1`, `ce_subject: <jobId>`, `traceparent`); value JSON `{"jobId","attempt","version",
    "jobType","dueAt","schema": 1}`"""
    body = {"name": "x", "jobType": "DUMMY", "payload": {"sleepMs": 0}}
    made = stack.http.post("/api/v1/jobs", json=body, headers={"traceparent": TRACE})
    job_id = made.json()["data"]["jobId"]
    keyed = stack.create(payload={"sleepMs": 0}, orderingKey="a key")["jobId"]
    stack.wait_settled([job_id, keyed], within=20)
    settings = Kafka(bootstrap=stack.stack.plan.kafka_bootstrap)
    assert settings.request_topic == "job-execution-requests"
    found = {
        json.loads(one.value)["jobId"]: one
        for one in run_coroutine(topics.records(settings)).values()
        if one.value and one.value.startswith(b'{"jobId"')
    }
    one = found[job_id]
    value: dict[str, Any] = json.loads(one.value)
    assert set(value) == {"jobId", "attempt", "version", "jobType", "dueAt", "schema"}
    assert (value["attempt"], value["jobType"], value["schema"]) == (1, "DUMMY", 1)
    headers = {name: text.decode() for name, text in one.headers}
    assert headers["ce_specversion"] == "1.0"
    assert headers["ce_type"] == "punctual.dispatch.v1"
    assert headers["ce_subject"] == job_id
    assert {"ce_id", "ce_source"} <= set(headers)
    assert headers["traceparent"].split("-")[1] == TRACE.split("-")[1]
    assert one.key is None
    assert found[keyed].key in {None, b"a key"}


def test_a_record_that_is_no_dispatch_is_parked(stack: RunningStack) -> None:
    """A record that is not this is parked (table, one row for each topic partition, offset and hash of the
    bytes, with the reason and the raw bytes up to 64 KiB …) and never stops a partition."""
    garbage = [b"no JSON", b'{"schema": 2}', b"x" * 70_000]
    places = put(stack, garbage)
    wait_until(lambda: lag(stack) == 0, within=20, every=0.2, what="the lag to be 0")
    parked = {
        (row["topic_partition"], row["record_offset"]): row
        for row in rows(stack, "SELECT * FROM parked_records")
    }
    for place, value in zip(places, garbage, strict=True):
        row = parked[place]
        assert row["sha256"] == hashlib.sha256(value).digest()
        assert row["raw"] == value[:65_536]
        assert row["reason"]
    job_id = stack.create(payload={"sleepMs": 0})["jobId"]
    assert stack.wait_settled([job_id], within=20)[0]["status"] == "SUCCESS"


def test_a_forged_or_stale_record_starts_nothing(stack: RunningStack, done: dict[str, Any]) -> None:
    """A forged or stale record starts nothing."""
    later = (datetime.now(UTC) + timedelta(hours=1)).isoformat()
    waiting = stack.create(scheduledTime=later)["jobId"]
    forged = [
        record(UUID(job_id), attempt) for job_id in (waiting, done["jobId"]) for attempt in (1, 2)
    ]
    put(stack, forged)
    wait_until(lambda: lag(stack) == 0, within=20, every=0.2, what="the lag to be 0")
    assert stack.states(waiting) == ["CREATED"]
    assert stack.job(done["jobId"]) == done


def test_the_events(stack: RunningStack) -> None:
    """`job-events`: key jobId; every history row as a CloudEvent (`punctual.job.<to-state>.v1`), at least
    once, ordered per job."""
    job_id = UUID(stack.create(payload={"sleepMs": 0})["jobId"])
    stack.wait_settled([str(job_id)], within=20)
    settings = Kafka(bootstrap=stack.stack.plan.kafka_bootstrap)
    assert settings.event_topic == "job-events"

    def versions() -> list[int]:
        return first_seen(run_coroutine(seen(settings))).get(job_id, [])

    wait_until(lambda: len(versions()) == 4, within=20, every=0.5, what="its four events")
    assert versions() == [0, 1, 2, 3]
    events = [one for one in run_coroutine(seen(settings)) if one.event.job_id == job_id]
    types = [one.attributes["type"] for one in events]
    assert types[0] == "punctual.job.created.v1"
    assert types[-1] == "punctual.job.success.v1"
    assert {one.key for one in events} == {str(job_id).encode()}
