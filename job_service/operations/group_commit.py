"""Group commit: calls that come while others are under way go to the database together.

There is no timer, so a call that comes alone goes at once and waits for nobody. While `lanes` groups are under
way, whatever comes waits and is the next group: the busier the database, the larger the groups.
"""

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable, Sequence
from typing import Generic, TypeVar

One = TypeVar("One")
Answer = TypeVar("Answer")

LANES = 2
"""Groups under way at once: while one is committed the next one is written."""
MOST = 500
"""Calls in one group."""


class GroupCommit(Generic[One, Answer]):
    """Turns calls of one into calls of many. `many` answers each, in the order given; what it raises is raised
    to every call of the group."""

    def __init__(
        self,
        many: Callable[[Sequence[One]], Awaitable[Sequence[Answer]]],
        *,
        lanes: int = LANES,
        most: int = MOST,
    ) -> None:
        self._many = many
        self._lanes = lanes
        self._most = most
        self._waiting: deque[tuple[One, asyncio.Future[Answer]]] = deque()
        self._under_way = 0
        self._tasks: set[asyncio.Task[None]] = set()

    async def ask(self, one: One) -> Answer:
        """The answer to this one. It is carried out even if the caller is cancelled meanwhile.

        Raises:
            Exception: whatever `many` raised for its group.
        """
        answer: asyncio.Future[Answer] = asyncio.get_running_loop().create_future()
        self._waiting.append((one, answer))
        if self._under_way < self._lanes:
            self._under_way += 1
            task = asyncio.create_task(self._run())
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)
        return await answer

    async def _run(self) -> None:
        # Counted down in the same step that saw nobody waiting: whoever comes next starts a lane.
        try:
            while self._waiting:
                count = min(len(self._waiting), self._most)
                await self._carry_out([self._waiting.popleft() for _ in range(count)])
        finally:
            self._under_way -= 1

    async def _carry_out(self, group: Sequence[tuple[One, asyncio.Future[Answer]]]) -> None:
        try:
            answers = await self._many([one for one, _ in group])
        except Exception as error:  # it is each caller's to handle
            for _, waiting in group:
                if not waiting.done():
                    waiting.set_exception(error)
            return
        for (_, waiting), answer in zip(group, answers, strict=True):
            if not waiting.done():
                waiting.set_result(answer)
