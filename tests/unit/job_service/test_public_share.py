"""Public requests get their share of the pool, and wait in a queue that has an end."""

import asyncio

import pytest

from job_service.operations.outcomes import Overloaded
from job_service.postgres.public_share import PublicShare


class Work:
    """Units of public work that go on until they are let go."""

    def __init__(self, share: PublicShare) -> None:
        self.share = share
        self.go = asyncio.Event()
        self.at_once = 0

    async def unit(self) -> None:
        async with self.share:
            self.at_once += 1
            await self.go.wait()

    async def begin(self, count: int) -> list[asyncio.Task[None]]:
        tasks = [asyncio.create_task(self.unit()) for _ in range(count)]
        for _ in range(3):
            await asyncio.sleep(0)
        return tasks


async def test_so_many_at_once_so_many_wait_and_the_next_is_refused() -> None:
    work = Work(PublicShare(2, waiters=3, wait_seconds=10))
    tasks = await work.begin(5)
    assert (work.at_once, work.share.waiting) == (2, 3)
    with pytest.raises(Overloaded):
        await work.unit()
    work.go.set()
    await asyncio.gather(*tasks)
    assert (work.at_once, work.share.waiting) == (5, 0)


async def test_nobody_waits_for_ever() -> None:
    work = Work(PublicShare(1, waiters=3, wait_seconds=0.01))
    (holder,) = await work.begin(1)
    with pytest.raises(Overloaded, match=r"0\.01 s"):
        await work.unit()
    assert work.share.waiting == 0
    work.go.set()
    await holder
    await work.unit()


async def test_who_gives_up_waiting_leaves_no_trace() -> None:
    work = Work(PublicShare(1, waiters=1, wait_seconds=10))
    holder, waiter = await work.begin(2)
    waiter.cancel()
    with pytest.raises(asyncio.CancelledError):
        await waiter
    assert work.share.waiting == 0
    work.go.set()
    await holder
