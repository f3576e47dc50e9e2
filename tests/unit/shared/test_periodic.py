"""The loop around a round, in virtual time: pauses, back-off, waking, ending."""

import asyncio
from collections.abc import Callable, Mapping
from itertools import pairwise

import pytest

from shared.runtime.periodic import MAX_BACKOFF_SECONDS, Periodic
from tests.unit.shared.virtual_time import in_virtual_time

EVERY = 5.0
ALMOST_ONE = 1.0 - 2**-53
"""The largest random number there is: the longest back-off."""

End = Mapping[str, int] | BaseException
"""What a round returns or raises."""
Act = Callable[[Periodic], None]
"""What is done to a loop from outside."""


def beginnings(
    *ends: End, acts: Mapping[float, Act] | None = None, idle: float | None = None
) -> list[float]:
    """When rounds begin that end like this, the one after them included, in seconds. `acts` are done at
    their moments."""
    return in_virtual_time(_beginnings(ends, acts or {}, idle))


async def _beginnings(
    ends: tuple[End, ...], acts: Mapping[float, Act], idle: float | None
) -> list[float]:
    loop = asyncio.get_running_loop()
    began: list[float] = []
    over = asyncio.Event()

    async def run_once() -> Mapping[str, int]:
        began.append(loop.time())
        if len(began) > len(ends):
            over.set()
            await loop.create_future()
        end = ends[len(began) - 1]
        if isinstance(end, BaseException):
            raise end
        return end

    periodic = Periodic("of the test", run_once, every_seconds=EVERY, idle_seconds=idle)
    for moment, act in acts.items():
        loop.call_at(moment, act, periodic)
    task = asyncio.create_task(periodic.run())
    await over.wait()
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
    return began


def gaps(moments: list[float]) -> list[float]:
    """The pauses between rounds."""
    return [after - before for before, after in pairwise(moments)]


def set_random(monkeypatch: pytest.MonkeyPatch, uniform: float) -> None:
    """Choose the jitter."""
    monkeypatch.setattr("random.random", lambda: uniform)


def test_the_first_round_is_at_once_and_the_next_after_a_pause() -> None:
    assert beginnings({}, {"done": 9}) == [0, 5, 10]


def test_work_left_behind_is_done_without_a_pause() -> None:
    assert beginnings({"more": 1}, {"more": 7}, {"more": 0}) == [0, 0, 0, 5]


@pytest.mark.parametrize("uniform", [0.0, 0.5, ALMOST_ONE])
def test_failures_in_a_row_lengthen_the_pause_up_to_a_cap(
    monkeypatch: pytest.MonkeyPatch, uniform: float
) -> None:
    set_random(monkeypatch, uniform)
    failures = [OSError(str(n)) for n in range(100)]
    more = [uniform * bound for bound in (0.1, 0.2, 0.4, 0.8, 1.6, *[MAX_BACKOFF_SECONDS] * 95)]
    assert gaps(beginnings(*failures)) == pytest.approx([EVERY + bound for bound in more])


def test_a_round_that_ends_well_ends_the_back_off(monkeypatch: pytest.MonkeyPatch) -> None:
    set_random(monkeypatch, ALMOST_ONE)
    moments = beginnings(ValueError(), KeyError(), {}, RuntimeError())
    assert gaps(moments) == pytest.approx([5.1, 5.2, 5, 5.1])


def test_a_wake_ends_the_pause_early() -> None:
    acts: dict[float, Act] = {1.0: Periodic.wake, 3.0: Periodic.wake}
    assert beginnings({}, {}, {}, acts=acts) == [0, 1, 3, 8]


def test_a_wake_ends_the_pause_after_a_failure_too(monkeypatch: pytest.MonkeyPatch) -> None:
    set_random(monkeypatch, ALMOST_ONE)
    assert beginnings(OSError(), acts={1.0: Periodic.wake}) == [0, 1]


def test_wakes_in_one_pause_are_one_round() -> None:
    def twice(periodic: Periodic) -> None:
        periodic.wake()
        periodic.wake()

    assert beginnings({}, {}, acts={1.0: twice}) == [0, 1, 6]


def test_a_wake_during_a_round_is_not_lost() -> None:
    """What came too late for this round is done by the next, at once."""

    async def scenario() -> list[float]:
        loop = asyncio.get_running_loop()
        began: list[float] = []
        over = asyncio.Event()

        async def run_once() -> Mapping[str, int]:
            began.append(loop.time())
            if len(began) == 1:
                periodic.wake()
            if len(began) == 3:
                over.set()
                await loop.create_future()
            return {}

        periodic = Periodic("of the test", run_once, every_seconds=EVERY)
        task = asyncio.create_task(periodic.run())
        await over.wait()
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        return began

    assert in_virtual_time(scenario()) == [0, 0, 5]


def test_work_without_an_end_lets_others_run() -> None:
    async def scenario() -> int:
        rounds = 0

        async def run_once() -> Mapping[str, int]:
            nonlocal rounds
            rounds += 1
            return {"more": int(rounds < 1_000)}

        task = asyncio.create_task(Periodic("busy", run_once, every_seconds=EVERY).run())
        its_turn: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        asyncio.get_running_loop().call_soon(its_turn.set_result, None)
        await its_turn
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        return rounds

    assert in_virtual_time(scenario()) < 10


def test_a_cancellation_that_nobody_asked_for_is_a_failed_round(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    set_random(monkeypatch, ALMOST_ONE)
    assert gaps(beginnings(asyncio.CancelledError(), {})) == pytest.approx([5.1, 5])


@pytest.mark.parametrize("in_the_round", [True, False])
def test_a_loop_that_is_cancelled_ends(in_the_round: bool) -> None:
    """In its pause as in its round, and its task is known as cancelled."""

    async def scenario() -> tuple[bool, int]:
        rounds = 0
        begun = asyncio.Event()

        async def run_once() -> Mapping[str, int]:
            nonlocal rounds
            rounds += 1
            begun.set()
            if in_the_round:
                await asyncio.get_running_loop().create_future()
            return {}

        task = asyncio.create_task(Periodic("ends", run_once, every_seconds=EVERY).run())
        await begun.wait()
        task.cancel()
        await asyncio.wait({task})
        return task.cancelled(), rounds

    assert in_virtual_time(scenario()) == (True, 1)


def test_after_a_round_that_found_nothing_the_pause_is_the_idle_one() -> None:
    began = beginnings({"done": 1}, {"done": 0, "left": 0}, {}, {"left": 2}, idle=30.0)
    assert gaps(began) == [EVERY, 30.0, 30.0, EVERY]


def test_a_loop_that_is_idle_is_woken() -> None:
    assert gaps(beginnings({}, acts={7.0: Periodic.wake}, idle=30.0)) == [7.0]
