"""An event loop for one process's life in a test: its time is a `Clock`, it counts awaits, and it can die.

It dies as a process does under `kill -9`: no `finally`, no `except` and no `__aexit__` of the handler runs, and
its connections are cut.
"""

import asyncio
import ctypes
import os
import selectors
import socket
import time
from collections.abc import Callable, Coroutine, Generator, Iterator
from concurrent.futures import Executor
from contextlib import contextmanager, suppress
from contextvars import Context as Variables
from types import TracebackType
from typing import Any

from worker_service.testing.clock import Clock

MAX_AWAITS = 10_000
"""Of one attempt; a handler that has more does not end."""
TIDY_ROUNDS = 5
"""Rounds in which a dead loop closes its sockets."""


class Stuck(AssertionError):
    """The handler does not end: it waits for what nothing brings, or awaits without end."""


class _Selector(selectors.DefaultSelector):
    """Where nothing but a timer can wake the loop, the clock is turned to it instead."""

    loop: "CrashLoop"

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        if timeout is not None and timeout <= 0:
            return super().select(0)
        if self.loop.waits_for_others():
            with self.loop.measured():
                return super().select(timeout)
        if timeout is None:
            self.loop.give_up("it waits for something that nothing brings")
        else:
            self.loop.clock.turn(timeout)
        return super().select(0)


class CrashLoop(asyncio.SelectorEventLoop):
    """Where the attempts of one process run. `awaits`: of the attempt that runs, those that are over.
    `problem`: why it gave up; empty if it did not.
    """

    def __init__(self, clock: Clock) -> None:
        self.clock = clock
        self.awaits = 0
        self.dead = False
        self.problem = ""
        self._crash_at: int | None = None
        self._at_death: list[Callable[[], None]] = []
        self._others = 0
        self._kept: list[object] = []
        selector = _Selector()
        selector.loop = self
        super().__init__(selector)
        self._own_files = set(selector.get_map())
        self._selector_map = selector.get_map
        self.set_task_factory(self._stepwise)

    def begin_attempt(self, crash_at: int | None) -> None:
        """Count from 0. It dies at the await number `crash_at` (from 1 on): what was awaited has happened, and
        nobody hears of it.
        """
        self.awaits = 0
        self._crash_at = crash_at

    def at_death(self, cut: Callable[[], None]) -> None:
        """What else its death cuts."""
        self._at_death.append(cut)

    def time(self) -> float:
        return self.clock.seconds()

    def waits_for_others(self) -> bool:
        """Whether a socket or a thread may wake it: time is real then."""
        return self._others > 0 or len(self._selector_map()) > len(self._own_files)

    @contextmanager
    def measured(self) -> Iterator[None]:
        """Real time goes by, and the clock follows it."""
        began = time.monotonic()
        try:
            yield
        finally:
            self.clock.turn(time.monotonic() - began)

    def give_up(self, why: str) -> None:
        """End without a result."""
        self.problem = why
        self._die()

    def step_over(self) -> bool:
        """An await is over; whether the one who awaited may go on."""
        self.awaits += 1
        if self.awaits == self._crash_at:
            self._die()
        elif self.awaits >= MAX_AWAITS:
            self.give_up(f"it awaited {MAX_AWAITS} times and did not end")
        return not self.dead

    def bury(self) -> None:
        """Cut the connections of a dead loop and close it. Nothing of what ran on it is ever finalised, or
        its `finally` would run after all.
        """
        self.set_exception_handler(lambda _loop, _told: None)
        for file in set(self._selector_map()) - self._own_files:
            assert isinstance(file, int)
            with suppress(OSError), socket.socket(fileno=os.dup(file)) as connection:
                connection.shutdown(socket.SHUT_RDWR)
        for cut in self._at_death:
            cut()
        for _ in range(TIDY_ROUNDS):
            self.call_soon(self.stop)
            self.run_forever()
        ctypes.pythonapi.Py_IncRef(ctypes.py_object(self._kept))
        self.close()

    def run_in_executor(  # type: ignore[override]
        self, executor: Executor | None, func: Callable[..., Any], *args: Any
    ) -> asyncio.Future[Any]:
        self._others += 1
        future = super().run_in_executor(executor, func, *args)
        future.add_done_callback(self._came_back)
        return future

    def _came_back(self, _future: asyncio.Future[Any]) -> None:
        self._others -= 1

    def _die(self) -> None:
        self.dead = True
        self.stop()

    def _stepwise(
        self,
        loop: asyncio.AbstractEventLoop,
        coroutine: Coroutine[Any, Any, Any] | Generator[Any, None, Any],
        context: Variables | None = None,
        **more: Any,
    ) -> asyncio.Task[Any]:
        steps = _Steps(coroutine, self)
        task: asyncio.Task[Any] = asyncio.Task(steps, loop=loop, context=context, **more)
        self._kept += [task, coroutine]
        return task


class _Steps(Coroutine[Any, Any, Any]):
    """A coroutine whose steps are counted, and which makes none once its loop is dead."""

    def __init__(self, coroutine: Any, loop: CrashLoop) -> None:
        self._coroutine = coroutine
        self._loop = loop
        self._waits = False

    def send(self, value: Any) -> Any:
        return self._step(self._coroutine.send, value)

    def throw(
        self,
        kind: Any,
        value: BaseException | object = None,
        trace: TracebackType | None = None,
    ) -> Any:
        error = kind if value is None else value
        return self._step(self._coroutine.throw, error)

    def close(self) -> None:
        if not self._loop.dead:
            self._coroutine.close()

    def __await__(self) -> Generator[Any, Any, Any]:
        return self._coroutine.__await__()  # type: ignore[no-any-return]

    def _step(self, go_on: Callable[[Any], Any], value: Any) -> Any:
        if self._loop.dead or (self._waits and not self._loop.step_over()):
            return self._for_ever()
        self._waits = True
        return go_on(value)

    def _for_ever(self) -> asyncio.Future[None]:
        """What a task waits for that never goes on."""
        return next(self._loop.create_future().__await__())  # as `await` would hand it to the task
