"""Calls from other threads reach their loop, all of them, in order, and none spoils the next."""

import asyncio
import threading
from typing import Any

import pytest

from tests.support.waiting import until
from worker_service.operations.mailbox import Mailbox

THREADS, EACH = 4, 5_000


async def test_nothing_that_threads_post_at_once_is_lost_or_out_of_order() -> None:
    """While the loop empties it, too."""
    mailbox = Mailbox(asyncio.get_running_loop())
    heard: list[tuple[int, int]] = []

    def post(thread: int) -> None:
        for n in range(EACH):
            mailbox.post(heard.append, (thread, n))

    threads = [threading.Thread(target=post, args=(n,)) for n in range(THREADS)]
    for thread in threads:
        thread.start()
    await until(lambda: len(heard) == THREADS * EACH, within=30, what="all calls")
    for n in range(THREADS):
        assert [place for thread, place in heard if thread == n] == list(range(EACH))


async def test_what_is_posted_together_wakes_the_loop_once() -> None:
    """And again for what comes after it was emptied."""
    loop = asyncio.get_running_loop()
    mailbox = Mailbox(loop)
    rings: list[Any] = []
    ring = loop.call_soon_threadsafe

    def counted(*arguments: Any) -> Any:
        rings.append(arguments)
        return ring(*arguments)

    heard: list[int] = []
    loop.call_soon_threadsafe = counted  # type: ignore[method-assign, assignment]
    for n in range(10):
        mailbox.post(heard.append, n)
    assert (len(rings), heard) == (1, [])
    await until(lambda: len(heard) == 10, what="the first calls")
    mailbox.post(heard.append, 10)
    assert len(rings) == 2
    await until(lambda: heard == list(range(11)), what="the last call")


async def test_a_call_that_raises_is_told_and_the_next_is_made() -> None:
    """The loop's handler of exceptions hears of it."""
    loop = asyncio.get_running_loop()
    told: list[dict[str, Any]] = []
    loop.set_exception_handler(lambda _, context: told.append(context))
    mailbox = Mailbox(loop)
    heard: list[int] = []
    mailbox.post(int, "no number")
    mailbox.post(heard.append, 1)
    await until(lambda: heard == [1], what="the call after it")
    assert isinstance(told[0]["exception"], ValueError)


def test_a_closed_loop_is_said_to_be_closed_each_time() -> None:
    """Who posts must know that nobody hears it."""
    loop = asyncio.new_event_loop()
    mailbox = Mailbox(loop)
    loop.close()
    for _ in range(2):
        with pytest.raises(RuntimeError):
            mailbox.post(print)
