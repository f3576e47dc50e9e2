"""Group commit: nobody waits for company, nobody gets another's answer, and an error is everybody's."""

import asyncio
from collections.abc import Sequence

import pytest

from job_service.operations.group_commit import GroupCommit


class Wire:
    """A database that answers when it is told to. `groups`: what was asked, in order."""

    def __init__(self) -> None:
        self.groups: list[list[int]] = []
        self._held: list[asyncio.Event] = []

    async def many(self, asked: Sequence[int]) -> list[int]:
        self.groups.append(list(asked))
        event = asyncio.Event()
        self._held.append(event)
        await event.wait()
        if 13 in asked:
            raise ValueError("unlucky")
        return [10 * one for one in asked]

    async def answer(self) -> None:
        """The oldest group under way, and let everybody act on it."""
        self._held.pop(0).set()
        for _ in range(5):
            await asyncio.sleep(0)


async def _ask(group: GroupCommit[int, int], *ones: int) -> list[asyncio.Task[int]]:
    tasks = [asyncio.create_task(group.ask(one)) for one in ones]
    for _ in range(3):
        await asyncio.sleep(0)
    return tasks


async def test_one_alone_goes_at_once() -> None:
    wire = Wire()
    (task,) = await _ask(GroupCommit(wire.many), 1)
    assert wire.groups == [[1]]
    await wire.answer()
    assert await task == 10


async def test_what_comes_meanwhile_goes_together_and_in_order() -> None:
    wire = Wire()
    group = GroupCommit(wire.many, lanes=1)
    tasks = await _ask(group, 1) + await _ask(group, 2, 3, 4)
    assert wire.groups == [[1]]
    await wire.answer()
    assert wire.groups == [[1], [2, 3, 4]]
    await wire.answer()
    assert [await task for task in tasks] == [10, 20, 30, 40]


async def test_two_groups_are_under_way_at_once_and_no_group_is_too_large() -> None:
    wire = Wire()
    group = GroupCommit(wire.many, lanes=2, most=2)
    tasks = await _ask(group, 1) + await _ask(group, 2) + await _ask(group, 3, 4, 5)
    assert wire.groups == [[1], [2]]
    await wire.answer()
    assert wire.groups == [[1], [2], [3, 4]]
    await wire.answer()
    assert wire.groups[3] == [5]
    await wire.answer()
    await wire.answer()
    assert [await task for task in tasks] == [10, 20, 30, 40, 50]


async def test_an_error_is_raised_to_its_group_alone() -> None:
    wire = Wire()
    group = GroupCommit(wire.many, lanes=1)
    first, *unlucky = await _ask(group, 1) + await _ask(group, 13, 14)
    await wire.answer()
    (last,) = await _ask(group, 2)
    await wire.answer()
    await wire.answer()
    assert await first == 10
    for task in unlucky:
        with pytest.raises(ValueError, match="unlucky"):
            await task
    assert await last == 20


async def test_who_is_cancelled_takes_nobody_along() -> None:
    wire = Wire()
    group = GroupCommit(wire.many, lanes=1)
    tasks = await _ask(group, 1) + await _ask(group, 2, 3)
    tasks[1].cancel()
    await wire.answer()
    assert wire.groups[1] == [2, 3]
    await wire.answer()
    assert await tasks[2] == 30
