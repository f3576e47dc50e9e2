"""From the record to the start: each record is decided once, by a definite answer."""

import asyncio
import time
from dataclasses import replace
from datetime import UTC, datetime, timedelta

from shared.contracts.way import CLAIMED_HEADER, PUBLISHED_HEADER, header_of
from tests.unit.worker.engine_bench import a_type, quick, running, soon
from tests.unit.worker.fake_job_service import FakeJobService
from worker_service.handler_api import Context
from worker_service.operations.lease_attempts import EVERY_SECONDS

QUICK = a_type("QUICK", quick)
HOLD_SECONDS = 1.5
"""Long enough that a busy machine has leased the last of them before it is due."""


async def test_a_job_runs_and_its_record_is_decided(service: FakeJobService) -> None:
    async with running(service, QUICK) as bench:
        job = service.add("QUICK", {})
        bench.dispatch(job)
        await bench.until(lambda: job.ends, "ended")
        assert job.status == "SUCCESS"
        assert job.ends[0].result == "done"
        assert bench.prefix() == 1


async def test_a_lease_tells_the_way_of_its_record(service: FakeJobService) -> None:
    """When it was claimed and sent, as the record says, and when it was read."""
    sent = datetime.now(UTC) - timedelta(seconds=1)
    claimed = sent - timedelta(seconds=1)
    stamps = [header_of(PUBLISHED_HEADER, sent), header_of(CLAIMED_HEADER, claimed)]
    async with running(service, QUICK) as bench:
        told, silent = service.add("QUICK", {}), service.add("QUICK", {})
        bench.dispatch(told, stamps=stamps)
        bench.dispatch(silent, stamps=[(CLAIMED_HEADER, b"rubbish")])
        await bench.until(lambda: told.ends and silent.ends, "ended")
    way, other = service.ways[told.id], service.ways[silent.id]
    assert (way.claimed_at, way.published_at) == (claimed, sent)
    assert way.received_at is not None
    assert way.received_at > sent
    assert (other.claimed_at, other.published_at) == (None, None)


async def test_a_lost_lease_reply_is_asked_for_again_and_starts_once(
    service: FakeJobService,
) -> None:
    """R1: the worker repeats the same request until it has a definite answer."""
    service.lose["leases"] = 2
    async with running(service, QUICK) as bench:
        job = service.add("QUICK", {})
        bench.dispatch(job)
        await bench.until(lambda: job.ends, "ended")
        assert service.requests["leases"] == 3
        assert job.history == ["started", "succeeded"]


async def test_a_lease_without_an_answer_is_asked_for_again_and_not_at_once(
    service: FakeJobService,
) -> None:
    """A job that somebody keeps locked waits by itself: the others run, and job_service is not flooded."""
    async with running(service, QUICK) as bench:
        busy, other = service.add("QUICK", {}), service.add("QUICK", {})
        service.locked = {busy.id}
        bench.dispatch(busy)
        bench.dispatch(other)
        await bench.until(lambda: other.ends, "the other one ended")
        asked, began = service.requests["leases"], time.monotonic()
        await bench.until(lambda: service.requests["leases"] >= asked + 3, "asked again")
        assert time.monotonic() - began > EVERY_SECONDS
        assert not busy.ends
        service.locked.clear()
        await bench.until(lambda: busy.ends, "the one that was locked ended")
        assert busy.history == ["started", "succeeded"]


async def test_the_same_record_a_hundred_times_runs_once(service: FakeJobService) -> None:
    async with running(service, QUICK) as bench:
        job = service.add("QUICK", {})
        for _ in range(100):
            bench.dispatch(job)
        await bench.until(lambda: job.ends and bench.prefix() == 100, "all decided")
        await bench.until(lambda: not bench.engine.table.get((job.id, 1)), "answered")
        bench.dispatch(job)
        assert bench.prefix() == 101
        assert len(job.ends) == 1


async def test_a_record_waits_for_the_decision(service: FakeJobService) -> None:
    async with running(service, QUICK) as bench:
        service.lose["leases"] = 10_000
        job = service.add("QUICK", {})
        bench.dispatch(job)
        bench.dispatch(job)
        await bench.until(lambda: service.requests["leases"] >= 2, "asked twice")
        assert bench.prefix() == 0
        service.lose["leases"] = 0
        await bench.until(lambda: bench.prefix() == 2, "decided")


async def test_old_and_forged_attempts_start_nothing(service: FakeJobService) -> None:
    async with running(service, QUICK) as bench:
        job = service.add("QUICK", {}, attempt=2)
        bench.dispatch(job, attempt=1)
        bench.dispatch(job, attempt=9)
        await bench.until(lambda: bench.prefix() == 2, "refused")
        assert job.status == "SCHEDULED"


async def test_what_cannot_run_here_is_declined(service: FakeJobService) -> None:
    """R23: an unknown type and a lack of slots are no failures; the attempt may come again."""

    async def hang(payload: object, context: Context) -> None:
        await asyncio.sleep(60)

    async with running(service, QUICK, a_type("HANG", hang), slots=1) as bench:
        unknown = service.add("NOBODY", {})
        bench.dispatch(unknown)
        first, second = service.add("HANG", {}), service.add("QUICK", {}, due_at=soon(-1))
        bench.dispatch(first)
        await bench.until(lambda: first.status == "RUNNING", "the slot is taken")
        bench.dispatch(second)
        await bench.until(lambda: len(service.declined) == 2, "declined")
        assert service.declined == [(unknown.id, "unknown-type"), (second.id, "no-slot")]
        assert not bench.engine.table.remembers((second.id, 1))
        first.cancel_requested = True
        await bench.until(lambda: first.status == "CANCELLED", "the slot is free")
        bench.dispatch(second)
        await bench.until(lambda: second.status == "SUCCESS", "came again")


async def test_what_was_claimed_ahead_has_a_hold_slot_although_it_comes_late(
    service: FakeJobService,
) -> None:
    """R23: its allowance is that of what is held, so it waits here for a slot; without one it is declined."""

    async def hang(payload: object, context: Context) -> None:
        await asyncio.sleep(60)

    async with running(service, QUICK, a_type("HANG", hang), slots=1, hold_slots=1) as bench:
        first = service.add("HANG", {})
        bench.dispatch(first)
        await bench.until(lambda: first.status == "RUNNING", "the slot is taken")
        ahead, at_once = (service.add("QUICK", {}, due_at=soon(-0.1)) for _ in range(2))
        claimed_at = header_of(CLAIMED_HEADER, ahead.due_at - timedelta(seconds=1))
        bench.dispatch(at_once)
        bench.dispatch(ahead, stamps=[claimed_at])
        await bench.until(lambda: ahead.node is not None, "leased")
        await bench.until(lambda: service.declined, "declined")
        assert service.declined == [(at_once.id, "no-slot")]
        assert not ahead.ends
        first.cancel_requested = True
        await bench.until(lambda: ahead.status == "SUCCESS", "its turn")


async def test_a_record_that_comes_after_a_decline_was_asked_for_is_asked_for_itself(
    service: FakeJobService,
) -> None:
    """R7, R23: the job was armed and published again before the answer to its decline was here."""

    async def hang(payload: object, context: Context) -> None:
        await asyncio.sleep(60)

    async with running(service, QUICK, a_type("HANG", hang), slots=1) as bench:
        first, second = service.add("HANG", {}), service.add("QUICK", {}, due_at=soon(-1))
        bench.dispatch(first)
        await bench.until(lambda: first.status == "RUNNING", "the slot is taken")
        service.lose["leases"] = 1
        bench.dispatch(second)
        await bench.until(lambda: service.declined, "declined, and the answer is lost")
        bench.dispatch(second)
        await bench.until(lambda: bench.prefix() == 3, "all records decided")
        assert service.declined == [(second.id, "no-slot")] * 3, "its second record by itself too"


async def test_a_held_job_never_starts_early(service: FakeJobService) -> None:
    """R5, G5: due is judged by the lower bound of the database clock."""
    started: list[float] = []

    async def note(payload: object, context: Context) -> None:
        started.append(time.time())

    async with running(service, a_type("NOTE", note)) as bench:
        jobs = [service.add("NOTE", {}, due_at=soon(HOLD_SECONDS + i / 100)) for i in range(20)]
        for job in jobs:
            bench.dispatch(job)
        await bench.until(lambda: all(job.ends for job in jobs), "all ran")
        for job, at in zip(jobs, started, strict=True):
            assert at >= job.due_at.timestamp()
            assert job.started_at is not None
            assert job.started_at >= job.due_at
            assert job.history == ["held", "started", "succeeded"]


async def test_the_due_time_of_a_record_is_not_believed(service: FakeJobService) -> None:
    """R5: a record that says "due long ago" starts nothing before the due time that the lease brings."""
    async with running(service, QUICK) as bench:
        job = service.add("QUICK", {}, due_at=soon(HOLD_SECONDS))
        bench.dispatch(replace(job, due_at=soon(-60)))
        await bench.until(lambda: job.ends, "ran")
        assert job.history == ["held", "started", "succeeded"]
        assert job.started_at is not None
        assert job.started_at >= job.due_at


async def test_a_due_job_without_a_slot_is_given_back(service: FakeJobService) -> None:
    async def hang(payload: object, context: Context) -> None:
        await asyncio.sleep(60)

    async with running(service, a_type("HANG", hang), slots=1) as bench:
        jobs = [service.add("HANG", {}, due_at=soon(0.2)) for _ in range(2)]
        for job in jobs:
            bench.dispatch(job)
        await bench.until(lambda: service.released, "given back")
        assert service.released[0][1] == "no-slot"
        assert {job.attempt for job in jobs} == {1, 2}


async def test_a_dead_node_decides_nothing(service: FakeJobService) -> None:
    """R28: "your node is dead" is no decision; the item is asked for again as the new node."""
    async with running(service, QUICK) as bench:
        service.kill_nodes()
        job = service.add("QUICK", {})
        bench.dispatch(job)
        await bench.until(lambda: job.ends, "ran under the new node")
        assert len(service.live) == 2
        assert bench.prefix() == 1


async def test_garbage_is_parked_before_its_record_is_decided(service: FakeJobService) -> None:
    async with running(service, QUICK) as bench:
        service.lose["parked"] = 2
        for value in (None, b"\xff", b"{}", b"x" * 900_000, b'{"\\u0000": 1}'):
            bench.put(value)
        await bench.until(lambda: service.requests["parked"] == 1, "asked")
        assert bench.prefix() == 0
        await bench.until(lambda: bench.prefix() == 5, "decided")
        assert len(service.parked) == 5
        assert max(record.size for record in service.parked) == 900_000
        assert all("\0" not in record.reason for record in service.parked)


async def test_one_record_that_cannot_be_parked_does_not_stop_the_others(
    service: FakeJobService,
) -> None:
    service.refuse = lambda kind, body: kind == "parked" and b'"recordOffset":3,' in body
    async with running(service, QUICK) as bench:
        for _ in range(8):
            bench.put(b"?")
        await bench.until(lambda: bench.prefix() == 8, "decided")
        assert sorted(r.record_offset for r in service.parked) == [0, 1, 2, 4, 5, 6, 7]
