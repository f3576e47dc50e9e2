"""Doorbells: R26."""

import asyncio

from job_service.operations.doorbell import Doorbell, wait

LONG_SECONDS = 30.0
LIMIT_SECONDS = 5.0


async def test_a_ring_before_the_wait_is_not_lost() -> None:
    """R26: registered before the look, so what rings during the look is heard by the wait."""
    bell = Doorbell()
    async with bell.waiter() as rung:
        bell.ring()
        async with asyncio.timeout(LIMIT_SECONDS):
            await wait(rung, LONG_SECONDS)


async def test_a_ring_is_taken_by_the_wait_that_hears_it() -> None:
    """R26: the next wait needs a ring of its own."""
    bell = Doorbell()
    async with bell.waiter() as rung:
        bell.ring()
        await wait(rung, LONG_SECONDS)
        assert not rung.is_set()
        await wait(rung, 0.01)
        assert not rung.is_set()


async def test_a_ring_wakes_one_and_the_next_ring_the_next() -> None:
    """R26: no herd; a waiter that is awake already does not swallow the ring of another."""
    bell = Doorbell()
    async with bell.waiter() as first, bell.waiter() as second:
        bell.ring()
        assert (first.is_set(), second.is_set()) == (True, False)
        bell.ring()
        assert (first.is_set(), second.is_set()) == (True, True)


async def test_a_bell_for_everyone_wakes_all() -> None:
    """R26: where each waits for something of its own."""
    bell = Doorbell(everyone=True)
    async with bell.waiter() as first, bell.waiter() as second:
        bell.rung_elsewhere()
        assert first.is_set()
        assert second.is_set()


async def test_who_has_gone_takes_no_ring() -> None:
    """R26: nor does it stay registered when it was cancelled."""
    bell = Doorbell()
    async with bell.waiter():
        pass
    async with bell.waiter() as rung:
        bell.ring()
        assert rung.is_set()


def test_only_a_ring_of_ours_is_passed_on() -> None:
    """R26: else two replicas would ring each other for ever."""
    passed: list[str] = []
    bell = Doorbell(lambda: passed.append("on"))
    bell.rung_elsewhere()
    bell.wake_all()
    assert passed == []
    bell.ring()
    assert passed == ["on"]


async def test_after_missed_rings_everybody_looks() -> None:
    """R26: nobody knows for whom they were."""
    bell = Doorbell()
    async with bell.waiter() as first, bell.waiter() as second:
        bell.wake_all()
        assert first.is_set()
        assert second.is_set()


async def test_a_closed_bell_lets_everybody_answer() -> None:
    bell = Doorbell()
    async with bell.waiter() as rung:
        bell.close()
        assert rung.is_set()
    assert bell.closed


async def test_a_wait_of_no_time_returns() -> None:
    bell = Doorbell()
    async with bell.waiter() as rung:
        await wait(rung, -1.0)
