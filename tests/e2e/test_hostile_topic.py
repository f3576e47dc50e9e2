"""The topic is not ours alone: whatever is put on it by hand starts nothing wrong and stops nothing."""

import hashlib
import json
import random
from collections import Counter
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import pytest

from shared.kernel.ids import new_id
from tests.support.by_hand import lag, put, record
from tests.support.faults import kill
from tests.support.looking import count, rows
from tests.support.sink import Sink, listening_sink
from tests.support.stacks import RunningStack, running_stack
from tests.support.waiting import wait_until

COPIES = 100
SMALL = 320
"""Records of each kind of small garbage."""
LARGE = 40
LARGE_BYTES = 900_000
CAUGHT_UP_SECONDS = 30.0

PARKED = "SELECT topic_partition, record_offset, sha256, size, octet_length(raw) AS kept FROM parked_records"
PARKED_COUNT = "SELECT count(*) FROM parked_records"


@pytest.fixture(scope="module")
def stack() -> Iterator[RunningStack]:
    with running_stack(workers=1) as running:
        yield running


@pytest.fixture(scope="module")
def sink() -> Iterator[Sink]:
    with listening_sink() as listening:
        yield listening


def test_a_record_put_a_hundred_times_runs_once_and_not_early(
    stack: RunningStack, sink: Sink
) -> None:
    """R1, R5, G2: copies before the due time, while it runs and after it; each says that the job was due
    long ago."""
    due = datetime.now(UTC) + timedelta(seconds=3)
    payload = {"port": sink.port, "sleep_ms": 1_000}
    job = stack.create("SINK", payload=payload, scheduledTime=due.isoformat())
    job_id = UUID(job["jobId"])
    copy = record(job_id, 1, job_type="SINK")
    _wait_status(stack, job_id, "SCHEDULED")
    put(stack, [copy] * (COPIES // 2))
    _wait_status(stack, job_id, "RUNNING")
    put(stack, [copy] * (COPIES // 4))
    stack.wait_settled([str(job_id)], within=20)
    put(stack, [copy] * (COPIES // 4))
    _wait_caught_up(stack)

    (told,) = [line for line in sink.told() if line.job == job_id]
    assert told.attempt == 1
    assert told.received_at >= due.timestamp()
    (execution,) = stack.executions(str(job_id))
    assert execution["status"] == "SUCCESS"
    settled = stack.job(str(job_id))
    assert (settled["status"], settled["attempt"], settled["lost"]) == ("SUCCESS", 1, 0)


def test_records_of_other_attempts_start_nothing(stack: RunningStack) -> None:
    """R1, R7: the first attempt's record while the second waits, runs and is done, and records of attempts
    that are not there yet."""
    payload = {"sleepMs": 1_000, "fail": "once", "times": 1}
    job_id = UUID(stack.create(payload=payload)["jobId"])
    others = [record(job_id, attempt) for attempt in (1, 1, 1, 3, 4)]
    _wait_history(stack, job_id, "FAILED", times=1)
    put(stack, others)
    _wait_history(stack, job_id, "RUNNING", times=2)
    put(stack, others)
    stack.wait_settled([str(job_id)], within=30)
    put(stack, others)
    _wait_caught_up(stack)

    ran = [(e["attempt"], e["status"]) for e in stack.executions(str(job_id))]
    assert ran == [(1, "FAILED"), (2, "SUCCESS")]
    settled = stack.job(str(job_id))
    assert (settled["status"], settled["attempt"], settled["failures"]) == ("SUCCESS", 2, 1)


def test_the_record_of_a_job_that_was_rescheduled_is_void(stack: RunningStack, sink: Sink) -> None:
    """R1, R7: taken back before a lease and claimed again, so that the first attempt's record and later
    ones arrive while the second attempt waits to be leased."""
    due = datetime.now(UTC) + timedelta(seconds=3)
    job_id = UUID(
        stack.create("SINK", payload={"port": sink.port}, scheduledTime=due.isoformat())["jobId"]
    )
    _wait_status(stack, job_id, "SCHEDULED")
    due += timedelta(seconds=3)
    version = stack.job(str(job_id))["version"]
    changed = stack.http.patch(
        f"/api/v1/jobs/{job_id}",
        json={"scheduledTime": due.isoformat()},
        headers={"If-Match": f'"{version}"'},
    )
    assert changed.json()["data"]["status"] == "CREATED", changed.text
    _wait_status(stack, job_id, "SCHEDULED")
    put(stack, [record(job_id, attempt, job_type="SINK") for attempt in (1, 3, 4)])
    stack.wait_settled([str(job_id)], within=20)

    (told,) = [line for line in sink.told() if line.job == job_id]
    assert told.attempt == 2
    assert told.received_at >= due.timestamp()
    assert [e["attempt"] for e in stack.executions(str(job_id))] == [2]


def test_a_forged_record_does_not_start_a_job_before_its_time(stack: RunningStack) -> None:
    """R1, G5: for a job that is due in an hour and for one that does not exist, of every attempt that may
    be meant."""
    later = datetime.now(UTC) + timedelta(hours=1)
    job_id = UUID(stack.create(scheduledTime=later.isoformat())["jobId"])
    put(stack, [record(which, attempt) for which in (job_id, new_id()) for attempt in (1, 2, 3)])
    _wait_caught_up(stack)

    job = stack.job(str(job_id))
    assert (job["status"], job["version"], job["attempt"]) == ("CREATED", 0, 0)
    assert stack.executions(str(job_id)) == []
    assert [row["to"] for row in stack.history(str(job_id))] == ["CREATED"]


def test_a_thousand_records_of_garbage_are_parked_once_each_and_stop_nothing(
    stack: RunningStack,
) -> None:
    """In the middle of them one of two workers is killed, so that the other reads again what was parked and
    not committed."""
    stack.stack.spawn("worker-2")
    garbage = _garbage(random.Random(4))
    assert len(garbage) == 1_000
    places = put(stack, garbage)
    wait_until(lambda: count(stack, PARKED_COUNT) > 0, within=20, what="garbage to be parked")
    kill(stack, "worker-1")
    print("parked when a worker was killed:", count(stack, PARKED_COUNT))
    job_id = stack.create(payload={"sleepMs": 0})["jobId"]
    stack.wait_settled([job_id], within=CAUGHT_UP_SECONDS)
    _wait_caught_up(stack)

    expected = Counter(
        (*place, hashlib.sha256(value or b"").digest(), len(value or b""))
        for place, value in zip(places, garbage, strict=True)
    )
    parked = rows(stack, PARKED)
    assert Counter(tuple(row)[:4] for row in parked) == expected
    assert max(row["kept"] for row in parked) == 65_536
    assert stack.job(job_id)["status"] == "SUCCESS"
    assert len(stack.executions(job_id)) == 1


def _wait_status(stack: RunningStack, job_id: UUID, status: str) -> None:
    wait_until(
        lambda: stack.job(str(job_id))["status"] == status,
        within=20,
        what=f"the job to be {status}",
    )


def _wait_history(stack: RunningStack, job_id: UUID, status: str, *, times: int) -> None:
    """A state may be over before anybody looks; history keeps it."""
    wait_until(
        lambda: stack.states(str(job_id)).count(status) >= times,
        within=20,
        what=f"the job to have been {status}",
    )


def _wait_caught_up(stack: RunningStack) -> None:
    wait_until(lambda: lag(stack) == 0, within=CAUGHT_UP_SECONDS, every=0.2, what="the lag to be 0")


def _garbage(chance: random.Random) -> list[bytes | None]:
    """Bad bytes, other schemas, far too large, no value; in random order."""
    bad: list[bytes | None] = [
        chance.choice([b"\xff\xfe\x00", b"", b"{", b"\0" * 9, b'"\\ud800"', b"[" * 2_000])
        + chance.randbytes(chance.randrange(40))
        for _ in range(SMALL)
    ]
    wrong: list[bytes | None] = [_wrong_schema(chance) for _ in range(SMALL)]
    large: list[bytes | None] = [chance.randbytes(LARGE_BYTES) for _ in range(LARGE - 1)]
    # A good dispatch but for its size.
    large.append(record(new_id(), 1) + b" " * (LARGE_BYTES - 300))
    garbage = [*bad, *wrong, *large, *([None] * SMALL)]
    chance.shuffle(garbage)
    return garbage


def _wrong_schema(chance: random.Random) -> bytes:
    """A dispatch with one thing wrong."""
    said: dict[str, Any] = json.loads(record(new_id(), 1))
    wrong: list[tuple[str, Any]] = [
        ("schema", 2),
        ("attempt", 0),
        ("attempt", -1),
        ("attempt", 2**31),
        ("attempt", "one"),
        ("jobId", "me"),
        ("jobId", None),
        ("jobType", ""),
        ("jobType", "T" * 101),
        ("dueAt", "soon"),
        ("dueAt", "2026-11-21T10:00:00"),
        ("payload", {"more": "than agreed"}),
    ]
    name, value = chance.choice(wrong)
    return json.dumps({**said, name: value}).encode()
