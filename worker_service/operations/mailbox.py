"""Calls from other threads to a loop, handed over together: waking a loop costs more than such a call does."""

import asyncio
from collections import deque
from collections.abc import Callable
from typing import Any


class Mailbox:
    """Made for one loop. `post` may be called by any thread; what was posted is called in that order, there."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop
        self._posted: deque[tuple[Callable[..., Any], tuple[Any, ...]]] = deque()
        self._rung = False

    def post(self, call: Callable[..., Any], *arguments: Any) -> None:
        """Have it called soon.

        Raises:
            RuntimeError: the loop is closed.
        """
        self._posted.append((call, arguments))
        if self._rung:
            return
        # Two threads may both ring. That none does cannot be: the mark is set before the ring, and `_empty`
        # takes it away before it looks.
        self._rung = True
        try:
            self._loop.call_soon_threadsafe(self._empty)
        except RuntimeError:
            self._rung = False
            raise

    def _empty(self) -> None:
        self._rung = False
        for _ in range(len(self._posted)):
            call, arguments = self._posted.popleft()
            try:
                call(*arguments)
            except Exception as error:
                self._loop.call_exception_handler(
                    {"message": f"posted to the loop: {call!r}", "exception": error}
                )
