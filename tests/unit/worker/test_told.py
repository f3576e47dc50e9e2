"""What a handler is told, and what it tells while it runs."""

import asyncio
from datetime import timedelta
from typing import Any

from shared.contracts.progress import MAX_LINE_CHARS, MAX_LINES
from tests.unit.worker.engine_bench import a_type, running
from tests.unit.worker.fake_job_service import FakeJobService
from tests.unit.worker.test_run import sleepy
from worker_service.handler_api import Context


async def test_a_handler_knows_its_token_and_its_deadline(service: FakeJobService) -> None:
    seen: list[Context] = []

    async def look(payload: Any, context: Context) -> None:
        seen.append(context)
        context.result = {"kept": True}

    async with running(service, a_type("LOOK", look)) as bench:
        job = service.add("LOOK", {}, timeout_seconds=50.0)
        bench.dispatch(job)
        await bench.until(lambda: job.ends, "ended")
    (context,) = seen
    assert context.token == f"{job.id}.3.1"
    began = job.ends[0].started_at
    assert began is not None
    assert context.deadline == began + timedelta(seconds=50)
    assert job.ends[0].result == {"kept": True}


async def test_progress_and_log_are_told_of_both_lanes(service: FakeJobService) -> None:
    def thread(payload: Any, context: Context) -> None:
        for n in range(5):
            context.progress(n, 4, f"part {n}")
        context.log.warning("low", left=2)

    async def on_the_loop(payload: Any, context: Context) -> None:
        context.progress(7)
        context.log.info("x" * 5_000)

    async with running(service, a_type("T", thread), a_type("A", on_the_loop)) as bench:
        first, second = service.add("T", {}), service.add("A", {})
        bench.dispatch(first)
        bench.dispatch(second)
        await bench.until(lambda: len(service.told) == 2, "told")
    told = {one.job_id: one for one in service.told}
    progress = told[first.id].progress
    assert progress is not None
    assert (progress.done, progress.total, progress.note) == (4, 4, "part 4")
    (line,) = told[first.id].lines
    assert (line.level, line.text) == ("warning", "low left=2")
    (line,) = told[second.id].lines
    assert len(line.text) == MAX_LINE_CHARS


async def test_the_log_that_is_kept_is_bounded_and_says_so(service: FakeJobService) -> None:
    async def chatter(payload: Any, context: Context) -> None:
        for n in range(10_000):
            context.log.info(f"line {n}")

    async with running(service, a_type("CHATTER", chatter)) as bench:
        job = service.add("CHATTER", {})
        bench.dispatch(job)
        await bench.until(lambda: service.told, "told")
    lines = [line for one in service.told for line in one.lines]
    assert len(lines) == MAX_LINES
    assert lines[-2].text == f"line {MAX_LINES - 2}"
    assert lines[-1].text == "further lines are in the worker's log only"


async def test_what_was_not_answered_is_told_again_in_order(service: FakeJobService) -> None:
    go = asyncio.Event()

    async def speak(payload: Any, context: Context) -> None:
        context.log.info("one")
        await asyncio.wrap_future(asyncio.run_coroutine_threadsafe(go.wait(), main))
        context.log.info("two")

    main = asyncio.get_running_loop()
    service.refuse = lambda kind, body: False
    service.lose["progress"] = 1
    async with running(service, a_type("SPEAK", speak)) as bench:
        job = service.add("SPEAK", {})
        bench.dispatch(job)
        await bench.until(lambda: service.requests["progress"] == 1, "told once, not answered")
        go.set()
        await bench.until(lambda: len(service.told) >= 2, "told again")
        await bench.until(lambda: job.ends, "ended")
    texts = [line.text for one in service.told for line in one.lines]
    assert texts in (["one", "one", "two"], ["one", "one", "two", "two"])


async def test_in_doubt_a_type_that_must_not_run_twice_is_stopped_and_others_go_on() -> None:
    """The session lapsed, and nobody has said that the node is dead."""
    service = FakeJobService(ttl_seconds=1.0).start()
    stops, goes_on = a_type("STOPS", sleepy, in_doubt="stop"), a_type("GOES_ON", sleepy)
    try:
        async with running(service, stops, goes_on) as bench:
            stopped, kept = service.add("STOPS", {}), service.add("GOES_ON", {})
            bench.dispatch(stopped)
            bench.dispatch(kept)
            await bench.until(lambda: bench.engine.runs.alive() == 2, "both run")
            service.lose["renew"] = 1_000_000
            await bench.until(lambda: service.released, "given back")
            assert service.released == [(stopped.id, "released")]
            assert (stopped.ends, kept.status) == ([], "RUNNING")
            assert bench.engine.runs.alive() == 1
            service.lose["renew"] = 0
            kept.cancel_requested = True
            await bench.until(lambda: kept.ends, "still heard")
    finally:
        service.stop()
