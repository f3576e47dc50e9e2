"""An event loop whose time jumps to the next timer: a pause of an hour takes no time."""

import asyncio
import selectors
from collections.abc import Callable, Coroutine
from typing import Any, TypeVar

T = TypeVar("T")


class _Leaping(selectors.DefaultSelector):
    """Never blocks: what the loop would have waited for is told to `leap` instead."""

    leap: Callable[[float], None]

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        if timeout is None:
            raise AssertionError("every task waits for something that no timer brings")
        if timeout > 0:
            self.leap(timeout)
        return super().select(0)


class VirtualTimeLoop(asyncio.SelectorEventLoop):
    """Begins at 0 s. For code that waits for timers only, not for sockets or threads."""

    def __init__(self) -> None:
        self._seconds = 0.0
        selector = _Leaping()
        selector.leap = self._leap
        super().__init__(selector)

    def time(self) -> float:
        return self._seconds

    def _leap(self, seconds: float) -> None:
        self._seconds += seconds


def in_virtual_time(scenario: Coroutine[Any, Any, T]) -> T:
    """Run a coroutine to its end on such a loop."""
    with asyncio.Runner(loop_factory=VirtualTimeLoop) as runner:
        return runner.run(scenario)
