"""One process of a worker, as much of it as runs handlers: attempts in turn, on a loop that can die."""

import asyncio
import inspect
from collections.abc import Callable
from contextlib import suppress
from typing import Any

from pydantic import BaseModel

from worker_service.domain.outcome import Ended, from_exception, from_value, timed_out
from worker_service.handler_api import Context, JobType
from worker_service.testing.clock import Clock
from worker_service.testing.crash_loop import CrashLoop, Stuck


class Process:
    """Its loop is closed by `close`, or has died."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._loop = CrashLoop(clock)

    @property
    def awaits(self) -> int:
        """Of the last attempt."""
        return self._loop.awaits

    def run(
        self, job_type: JobType, payload: BaseModel, context: Context, crash_at: int | None
    ) -> Ended | None:
        """One attempt; None if it crashed, and the process is dead then.

        Raises:
            Stuck: it does not end.
        """
        if not inspect.iscoroutinefunction(job_type.run):
            return self._in_this_thread(job_type, payload, context)
        loop = self._loop
        loop.begin_attempt(crash_at)
        task = loop.create_task(job_type.run(payload, context))
        task.add_done_callback(lambda _: loop.stop())
        over: list[Ended] = []

        def time_is_over() -> None:
            over.append(timed_out(job_type.timeout_seconds))
            task.cancel()

        timer = loop.call_later(job_type.timeout_seconds, time_is_over)
        with suppress(SystemExit):
            loop.run_forever()
        timer.cancel()
        if loop.dead:
            loop.bury()
            if loop.problem:
                raise Stuck(f"{job_type.name}: the handler does not end: {loop.problem}")
            return None
        return over[0] if over else self._ended(job_type, context, task.result)

    def close(self) -> None:
        """End it in an orderly way: what its handlers left running is cancelled."""
        loop = self._loop
        if loop.is_closed():
            return
        left = asyncio.all_tasks(loop)
        for task in left:
            task.cancel()
        loop.begin_attempt(None)
        loop.run_until_complete(_all_over(left))
        loop.run_until_complete(loop.shutdown_asyncgens())
        loop.close()

    def _in_this_thread(self, job_type: JobType, payload: BaseModel, context: Context) -> Ended:
        self._loop.begin_attempt(None)
        ended = self._ended(job_type, context, lambda: job_type.run(payload, context))
        return timed_out(job_type.timeout_seconds) if context.cancelled else ended

    def _ended(self, job_type: JobType, context: Context, call: Callable[[], Any]) -> Ended:
        """What the handler returned or raised. What a test raises through it (`pytest.fail`) goes on. Of a
        random wait the longest is taken.
        """
        try:
            value = call()
            return from_value(context.result if value is None else value)
        except (Exception, asyncio.CancelledError, SystemExit) as error:
            return from_exception(
                error,
                job_type.retry,
                failures=context.failures,
                uniform=1.0,
                now=self._clock.now(),
            )


async def _all_over(tasks: set[asyncio.Task[Any]]) -> None:
    await asyncio.gather(*tasks, return_exceptions=True)
