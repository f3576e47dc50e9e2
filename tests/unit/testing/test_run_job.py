"""The testing kit: a job runs to its end in virtual time, and crashes at an await as a killed process does."""

import asyncio
import socket
import threading
import time
from contextlib import suppress
from datetime import timedelta
from typing import Any

import pytest
from pydantic import BaseModel

from tests.unit.testing.handlers import Amount, charge, told
from worker_service.handler_api import (
    Cancelled,
    Context,
    Exponential,
    Fail,
    Retry,
    RetryPolicy,
    Snooze,
    job_type,
)
from worker_service.testing import Clock, EffectLedger, Stuck, every_crash, run_job

YEAR = 31_536_000.0


class Nothing(BaseModel):
    """No payload."""


def test_a_job_runs_and_its_result_is_json() -> None:
    @job_type("PAIR", payload=Amount)
    async def pair(payload: Amount, context: Context) -> Any:
        return (payload.amount, context.attempt)

    run = run_job(pair, {"amount": 12})
    assert (run.status, run.result, run.reasons) == ("SUCCESS", [12, 1], ["succeeded"])
    assert run_job(pair, Amount(amount=3)).result == [3, 1]


def test_a_payload_that_does_not_fit_fails_for_good() -> None:
    run = run_job(charge, {"amount": "much"})
    assert (run.status, run.reasons) == ("FAILED", ["failed-for-good"])
    assert "amount" in (run.error or "")


def test_failures_are_tried_again_after_the_wish_of_the_handler(job_clock: Clock) -> None:
    @job_type("FAILS", payload=Nothing)
    async def fails(payload: Nothing, context: Context) -> int:
        if context.failures < 2:
            raise Retry("not yet", after=60 * context.attempt)
        return context.attempt

    run = run_job(fails, clock=job_clock)
    assert (run.status, run.result, run.reasons) == (
        "SUCCESS",
        3,
        ["retry-asked", "retry-asked", "succeeded"],
    )
    assert [a.next_after_seconds for a in run.attempts] == [60, 120, None]
    assert job_clock.now() - run.attempts[0].began == timedelta(seconds=180)
    assert run_job(fails, max_attempts=2).status == "FAILED"


def test_a_failure_for_good_is_not_tried_again() -> None:
    @job_type("STOPS", payload=Nothing)
    def stops(payload: Nothing, context: Context) -> None:
        raise Fail("no", permanent=True)

    run = run_job(stops)
    assert (run.status, run.error, run.reasons) == ("FAILED", "no", ["failed-for-good"])


def test_the_waits_of_the_type_are_taken_without_their_jitter() -> None:
    """So that a test is the same each time: the longest wait that the policy may choose."""

    @job_type("BACKS_OFF", payload=Nothing, retry=RetryPolicy(Exponential(2, 5), never=(OSError,)))
    async def backs_off(payload: Nothing, context: Context) -> None:
        raise OSError if context.attempt == 4 else LookupError

    run = run_job(backs_off, max_attempts=9)
    assert [a.next_after_seconds for a in run.attempts] == [2, 4, 5, None]
    assert run.reasons == ["failed", "failed", "failed", "failed-for-good"]


def test_what_the_handler_tells_is_kept_with_its_attempt(job_clock: Clock) -> None:
    @job_type("TELLS", payload=Nothing, timeout_seconds=90)
    async def tells(payload: Nothing, context: Context) -> None:
        context.log.info("here", attempt=context.attempt)
        context.progress(1, 2, "half")
        context.result = {"left": (context.deadline - job_clock.now()).total_seconds()}

    run = run_job(tells, clock=job_clock)
    (entry,), (half,) = run.attempts[0].log, run.attempts[0].progress
    assert (entry.level, entry.event, entry.values) == ("info", "here", {"attempt": 1})
    assert (half.done, half.total, half.note) == (1, 2, "half")
    assert run.result == {"left": 90}


def test_snoozing_spends_no_try(job_clock: Clock) -> None:
    @job_type("WAITS", payload=Nothing)
    async def waits(payload: Nothing, context: Context) -> int:
        if context.attempt <= 5:
            raise Snooze(3_600)
        return context.failures

    run = run_job(waits, clock=job_clock, max_attempts=1)
    assert (run.status, run.result) == ("SUCCESS", 0)
    assert job_clock.seconds() == 5 * 3_600


def test_a_handler_that_sleeps_turns_the_clock(job_clock: Clock) -> None:
    """Several sleepers wake in the order of their times."""
    woke: list[float] = []

    @job_type("SLEEPS", payload=Nothing, timeout_seconds=604_800)
    async def sleeps(payload: Nothing, context: Context) -> None:
        async def nap(seconds: float) -> None:
            await asyncio.sleep(seconds)
            woke.append(job_clock.seconds())

        await asyncio.gather(nap(7_200), nap(60), nap(3_600))

    began = time.monotonic()
    assert run_job(sleeps, clock=job_clock).status == "SUCCESS"
    assert woke == [60, 3_600, 7_200]
    assert time.monotonic() - began < 60


def test_a_handler_that_is_too_slow_times_out_by_the_clock(job_clock: Clock) -> None:
    """It is cancelled, its `finally` runs, and what it returns then does not count."""
    tidied: list[float] = []

    @job_type("SLOW", payload=Nothing, timeout_seconds=30)
    async def slow(payload: Nothing, context: Context) -> str:
        try:
            await asyncio.sleep(YEAR)
        except asyncio.CancelledError:
            pass
        finally:
            tidied.append(job_clock.seconds())
        return "late"

    run = run_job(slow, clock=job_clock, max_attempts=2)
    assert (run.status, run.reasons) == ("FAILED", ["timeout", "timeout"])
    assert tidied[0] == 30
    assert "longer than 30 s" in (run.error or "")


def test_who_turns_the_clock_beyond_the_limit_times_it_out(job_clock: Clock) -> None:
    @job_type("TURNED", payload=Nothing, timeout_seconds=30)
    async def turned(payload: Nothing, context: Context) -> None:
        job_clock.turn(31)
        await asyncio.sleep(0)
        await asyncio.sleep(1)

    assert run_job(turned, clock=job_clock, max_attempts=1).reasons == ["timeout"]


def test_a_thread_handler_is_told_by_check_that_its_time_is_over(job_clock: Clock) -> None:
    @job_type("BLOCKS", payload=Nothing, timeout_seconds=30)
    def blocks(payload: Nothing, context: Context) -> None:
        context.check()
        job_clock.turn(30)
        with pytest.raises(Cancelled):
            context.check()

    assert run_job(blocks, clock=job_clock, max_attempts=1).reasons == ["timeout"]
    with pytest.raises(ValueError, match="only an async handler"):
        run_job(blocks, crash_at=1)


def test_a_crash_runs_nothing_of_the_handler_any_more() -> None:
    """No `except`, no `finally`, no `__aexit__`, in none of its tasks; the next attempt runs."""
    ran: list[str] = []

    @job_type("CRASHES", payload=Nothing)
    async def crashes(payload: Nothing, context: Context) -> object:
        async def beside() -> None:
            try:
                await asyncio.sleep(1)
                ran.append("beside")
            finally:
                ran.append("finally beside")

        if context.attempt > 1:
            return context.attempt
        try:
            async with asyncio.TaskGroup() as group:
                group.create_task(beside())
                await asyncio.sleep(0)
                ran.append("before")
                await asyncio.sleep(0)
                ran.append("after")
        except BaseException:
            ran.append("except")
            raise
        finally:
            ran.append("finally")
        return "after its crash"

    # The awaits in their order: the handler's first, its second, and then those of the task.
    run = run_job(crashes, crash_at=2)
    assert (run.reasons, run.result) == (["crashed", "succeeded"], 2)
    assert run.crashed
    assert ran == ["before"]


def test_it_crashes_after_what_was_awaited_has_happened() -> None:
    """By a thread, which the loop waits for."""
    done = threading.Event()

    @job_type("THREAD", payload=Nothing)
    async def in_thread(payload: Nothing, context: Context) -> None:
        if context.attempt == 1:
            await asyncio.to_thread(done.set)
            pytest.fail("after its crash")

    assert run_job(in_thread, crash_at=1).reasons == ["crashed", "succeeded"]
    assert done.is_set()


def test_a_crash_cuts_connections() -> None:
    """The other end sees it closed, as when a process dies."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]

        @job_type("TALKS", payload=Nothing)
        async def talks(payload: Nothing, context: Context) -> None:
            if context.attempt == 1:
                _, writer = await asyncio.open_connection("127.0.0.1", port)
                writer.write(b"hello")
                await writer.drain()
                await asyncio.sleep(0)
                await asyncio.sleep(0)

        awaits = run_job(talks).attempts[0].awaits
        assert run_job(talks, crash_at=awaits).reasons == ["crashed", "succeeded"]
        server.settimeout(10)
        for _ in range(2):
            accepted, _ = server.accept()
            accepted.settimeout(10)
            with accepted:
                assert accepted.recv(100) == b"hello"
                assert accepted.recv(100) == b""


def test_the_second_attempt_may_crash_too_and_each_process_begins_anew() -> None:
    started: list[str] = []

    @job_type("TWICE", payload=Nothing)
    async def twice(payload: Nothing, context: Context) -> int:
        started.append(f"attempt {context.attempt}")
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        if context.failures == 0:
            raise Fail("once")
        return context.attempt

    run = run_job(twice, crash_at=[2, 1], on_start=lambda: started.append("process"))
    assert run.reasons == ["crashed", "crashed", "failed", "succeeded"]
    assert run.result == 4
    assert [a.awaits for a in run.attempts] == [2, 1, 2, 2]
    expected = ["process", "attempt 1", "process", "attempt 2", "process", "attempt 3", "attempt 4"]
    assert started == expected


def test_a_handler_that_nothing_wakes_times_out() -> None:
    @job_type("LOCKED", payload=Nothing, timeout_seconds=5)
    async def locked(payload: Nothing, context: Context) -> None:
        await asyncio.Event().wait()

    assert run_job(locked, max_attempts=1).reasons == ["timeout"]


@pytest.mark.parametrize("sleeps", [0.0, 1.0])
def test_a_handler_that_swallows_its_cancellation_for_ever_is_told_as_stuck(sleeps: float) -> None:
    @job_type("DEAF", payload=Nothing, timeout_seconds=5)
    async def deaf(payload: Nothing, context: Context) -> None:
        while True:
            with suppress(asyncio.CancelledError):
                await (asyncio.sleep(sleeps) if sleeps else asyncio.Event().wait())

    with pytest.raises(Stuck, match=r"DEAF.*(did not end|nothing brings)"):
        run_job(deaf)


def test_what_a_test_raises_through_the_handler_goes_on_to_the_test() -> None:
    @job_type("ASKS", payload=Nothing)
    async def asks(payload: Nothing, context: Context) -> None:
        pytest.fail("from inside")

    with pytest.raises(pytest.fail.Exception, match="from inside"):
        run_job(asks)


async def test_it_is_not_for_async_tests() -> None:
    with pytest.raises(RuntimeError, match="not `async def`"):
        run_job(charge, {"amount": 1})


def test_with_once_every_crash_leaves_one_charge(
    effect_ledger: EffectLedger, monkeypatch: pytest.MonkeyPatch
) -> None:
    """And the result of the attempt that did it is that of the job."""
    monkeypatch.setattr(told, "connect", effect_ledger.connect)
    runs = list(every_crash(charge, {"amount": 12}))
    assert len(runs) >= 8
    assert [run.crashed for run in runs] == [True] * (len(runs) - 1) + [False]
    for run in runs:
        assert run.status == "SUCCESS"
        (effect,) = effect_ledger.effects(run.job_id)
        assert run.result == {"charged": 12, "by": effect.attempt}
    assert len(effect_ledger.statements) == len(runs)
    assert {effect.attempt for effect in effect_ledger.effects()} == {1, 2}


def test_without_once_a_crash_after_the_commit_charges_twice(
    effect_ledger: EffectLedger, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What the kit is for: the mistake shows."""

    @job_type("CARELESS", payload=Amount)
    async def careless(payload: Amount, context: Context) -> None:
        async with told.connect() as connection:
            await connection.execute("INSERT INTO charges VALUES ($1)", context.job_id)

    monkeypatch.setattr(told, "connect", effect_ledger.connect)
    jobs = [run.job_id for run in every_crash(careless, {"amount": 12})]
    charged = [s.arguments[0] for s in effect_ledger.statements]
    assert {charged.count(job) for job in jobs} == {1, 2}
