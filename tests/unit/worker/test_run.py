"""Running handlers and telling what became of them."""

import asyncio
import threading
import time
from datetime import UTC, datetime, timedelta
from typing import Any

from tests.unit.worker.engine_bench import a_type, quick, running, soon
from tests.unit.worker.fake_job_service import FakeJobService
from worker_service.handler_api import Context, Fail, Snooze

QUICK = a_type("QUICK", quick)


async def sleepy(payload: Any, context: Context) -> str:
    await asyncio.sleep(60)
    return "slept"


def polite(payload: Any, context: Context) -> None:
    while True:
        context.check()
        time.sleep(0.005)


class Deaf:
    """A blocking handler that hears nothing until the test lets it go."""

    def __init__(self) -> None:
        self.go = threading.Event()
        self.begun = threading.Event()

    def __call__(self, payload: Any, context: Context) -> str:
        self.begun.set()
        self.go.wait(30)
        return "at last"


async def test_every_kind_of_end(service: FakeJobService) -> None:
    async def fail(payload: Any, context: Context) -> None:
        raise Fail("no", permanent=True)

    async def snooze(payload: Any, context: Context) -> None:
        raise Snooze(5)

    async def leave(payload: Any, context: Context) -> None:
        raise SystemExit(1)

    def interrupt(payload: Any, context: Context) -> None:
        raise KeyboardInterrupt

    async def cancel_itself(payload: Any, context: Context) -> None:
        raise asyncio.CancelledError

    async def not_json(payload: Any, context: Context) -> object:
        return object()

    handlers: dict[str, Any] = {
        "FAIL": fail,
        "SNOOZE": snooze,
        "LEAVE": leave,
        "INTERRUPT": interrupt,
        "CANCEL": cancel_itself,
        "NOT_JSON": not_json,
    }
    async with running(service, QUICK, *(a_type(n, h) for n, h in handlers.items())) as bench:
        jobs = {name: service.add(name, {}) for name in handlers}
        jobs["BAD_PAYLOAD"] = service.add("QUICK", [1])
        for job in jobs.values():
            bench.dispatch(job)
        await bench.until(lambda: all(job.ends for job in jobs.values()), "all ended")
        ends = {name: job.ends[0] for name, job in jobs.items()}
        assert {name: end.outcome.value for name, end in ends.items()} == {
            **dict.fromkeys(ends, "FAILED"),
            "SNOOZE": "SNOOZED",
        }
        assert ends["SNOOZE"].retry_after_seconds == 5
        assert ends["LEAVE"].error == "SystemExit: 1"
        assert [name for name, end in ends.items() if not end.retry] == [
            "FAIL",
            "NOT_JSON",
            "BAD_PAYLOAD",
        ]
        again = service.add("QUICK", {})
        bench.dispatch(again)
        await bench.until(lambda: again.status == "SUCCESS", "both lanes live on")


async def test_a_timeout_is_told_at_once_and_the_thread_keeps_its_slot(
    service: FakeJobService,
) -> None:
    deaf = Deaf()
    async with running(service, a_type("DEAF", deaf), QUICK, slots=1) as bench:
        job = service.add("DEAF", {}, timeout_seconds=1.0)
        bench.dispatch(job)
        await bench.until(lambda: job.ends, "told")
        assert job.ends[0].reason == "timeout"
        other = service.add("QUICK", {}, due_at=soon(-1))
        bench.dispatch(other)
        await bench.until(lambda: service.declined, "no slot yet")
        deaf.go.set()
        await bench.until(lambda: not bench.engine.runs.alive(), "ended")
        bench.dispatch(other)
        await bench.until(lambda: other.status == "SUCCESS", "the slot is free")
        assert len(job.ends) == 1
        assert not job.late


async def test_cancels_reach_held_and_running_ones(service: FakeJobService) -> None:
    async with running(service, a_type("SLEEPY", sleepy), a_type("POLITE", polite)) as bench:
        running_async, running_thread = service.add("SLEEPY", {}), service.add("POLITE", {})
        held = service.add("SLEEPY", {}, due_at=soon(60))
        jobs = [running_async, running_thread, held]
        for job in jobs:
            bench.dispatch(job)
        await bench.until(lambda: bench.engine.runs.alive() == 2 and held.node, "under way")
        for job in jobs:
            job.cancel_requested = True
        await bench.until(lambda: all(job.ends for job in jobs), "cancelled")
        assert {job.status for job in jobs} == {"CANCELLED"}
        assert held.ends[0].started_at is None
        assert running_async.ends[0].started_at is not None


async def test_a_lease_that_comes_with_a_cancel_starts_nothing(service: FakeJobService) -> None:
    async with running(service, QUICK) as bench:
        job = service.add("QUICK", {}, cancel_requested=True)
        bench.dispatch(job)
        await bench.until(lambda: job.ends, "cancelled")
        assert (job.status, job.ends[0].started_at) == ("CANCELLED", None)


async def test_a_result_is_kept_until_it_is_answered(service: FakeJobService) -> None:
    """R3: a lost reply is no answer; the same report is sent again and told "already"."""
    service.lose["reports"] = 2
    async with running(service, QUICK) as bench:
        job = service.add("QUICK", {})
        bench.dispatch(job)
        await bench.until(lambda: service.requests["reports"] == 3, "told three times")
        await bench.until(lambda: not bench.engine.reports.waiting(), "answered")
        assert len(job.ends) == 1
        assert not job.late


async def test_what_was_untold_is_told_again(service: FakeJobService) -> None:
    """R3: the start of what was held, too; the others are done meanwhile."""
    async with running(service, QUICK) as bench:
        due = datetime.now(UTC) + timedelta(seconds=1)
        busy, other = (service.add("QUICK", {}, due_at=due) for _ in range(2))
        bench.dispatch(busy)
        bench.dispatch(other)
        await bench.until(lambda: busy.node and other.node, "both held")
        service.locked = {busy.id}
        await bench.until(lambda: other.ends, "the other one ended")
        assert not busy.ends
        service.locked.clear()
        await bench.until(lambda: busy.ends and not bench.engine.reports.waiting(), "all told")
        assert busy.history == ["held", "started", "succeeded"]
        assert not busy.late


async def test_one_bad_report_fails_alone(service: FakeJobService) -> None:
    async def poison(payload: Any, context: Context) -> str:
        return "unspeakable"

    service.refuse = lambda kind, body: kind == "reports" and b"unspeakable" in body
    async with running(service, QUICK, a_type("POISON", poison)) as bench:
        jobs = [service.add("QUICK", {}) for _ in range(4)]
        bad = service.add("POISON", {})
        for job in [*jobs[:2], bad, *jobs[2:]]:
            bench.dispatch(job)
        await bench.until(lambda: all(job.ends for job in [*jobs, bad]), "all told")
        assert {job.status for job in jobs} == {"SUCCESS"}
        assert (bad.status, bad.ends[0].error) == ("FAILED", "unreportable result")


async def test_what_is_refused_in_every_form_is_dropped(service: FakeJobService) -> None:
    service.refuse = lambda kind, body: kind == "reports"
    async with running(service, QUICK) as bench:
        job = service.add("QUICK", {})
        bench.dispatch(job)
        await bench.until(lambda: service.requests["reports"] >= 2, "told twice")
        await bench.until(lambda: not bench.engine.reports.waiting(), "dropped")


async def test_the_execution_log_shows_what_ran(service: FakeJobService) -> None:
    async with running(service, QUICK) as bench:
        job = service.add("QUICK", {})
        bench.dispatch(job)
        await bench.until(lambda: job.ends, "ended")
        (shown,) = bench.engine.log.newest_first()
        assert (shown.job_id, shown.status) == (job.id, "SUCCESS")
        assert shown.lateness_ms() is not None
