"""A loop is `Periodic(run_once)`: the work is one public call that returns counts, the loop is only here.

`run_once()` takes no sleep, so a test cranks it by hand. An exception that it raises is logged with its
name and the loop goes on after a jittered back-off: a loop of ours never ends because of one bad round.
"""

import asyncio
import random
import time
from collections import Counter
from collections.abc import Awaitable, Callable, Mapping

from shared.kernel.backoff import full_jitter
from shared.runtime.log import get

RunOnce = Callable[[], Awaitable[Mapping[str, int]]]

MAX_BACKOFF_SECONDS = 2.0


class Periodic:
    """Calls `run_once` every `every_seconds`, or at once again while it reports `more`.

    A round that returns a count named `more` above zero has left work behind and is repeated without a
    pause. One whose counts are all zero found nothing to do: the pause after it is `idle_seconds`, if that is
    given. `wake()` ends a pause early, from any coroutine of the same loop. `done` sums up the counts of all
    rounds.
    """

    def __init__(
        self,
        name: str,
        run_once: RunOnce,
        *,
        every_seconds: float,
        idle_seconds: float | None = None,
    ) -> None:
        self.name = name
        self.run_once = run_once
        self.runs = 0
        self.failures = 0
        self.done: Counter[str] = Counter()
        self.last_ended: float | None = None
        self.every_seconds = every_seconds
        self._idle = idle_seconds
        self._woken = False
        self._pausing: asyncio.Future[None] | None = None
        self._log = get(__name__)

    def wake(self) -> None:
        """Run again now instead of after the pause."""
        self._woken = True
        _end(self._pausing)

    def age_seconds(self) -> float | None:
        """Seconds since the last round that ended well; None before the first."""
        return None if self.last_ended is None else time.monotonic() - self.last_ended

    async def run(self) -> None:
        """Loop until cancelled."""
        failed_in_a_row = 0
        while True:
            self._woken = False
            try:
                counts = await self.run_once()
            except (Exception, asyncio.CancelledError) as error:
                if _asked_to_end():
                    raise asyncio.CancelledError from error
                failed_in_a_row += 1
                self.failures += 1
                self._log.warning("round failed", loop=self.name, error=repr(error)[:500])
                pause = self.every_seconds + full_jitter(
                    failed_in_a_row,
                    base_seconds=0.1,
                    cap_seconds=MAX_BACKOFF_SECONDS,
                    uniform=random.random(),
                )
            else:
                failed_in_a_row = 0
                self.runs += 1
                for name, count in counts.items():
                    self.done[name] += count
                self.last_ended = time.monotonic()
                pause = self._pause_after(counts)
            await self._pause(pause)

    def _pause_after(self, counts: Mapping[str, int]) -> float:
        if counts.get("more"):
            return 0.0
        if self._idle is not None and not any(counts.values()):
            return self._idle
        return self.every_seconds

    async def _pause(self, seconds: float) -> None:
        if seconds <= 0 or self._woken:
            await asyncio.sleep(0)
            return
        loop = asyncio.get_running_loop()
        self._pausing = loop.create_future()
        timer = loop.call_later(seconds, _end, self._pausing)
        try:
            await self._pausing
        finally:
            timer.cancel()
            self._pausing = None


def _end(pause: asyncio.Future[None] | None) -> None:
    if pause is not None and not pause.done():
        pause.set_result(None)


def _asked_to_end() -> bool:
    """Whether this task was cancelled, whatever its round made of that. Libraries below raise cancellations
    that nobody asked for (aiokafka, when it closes without a broker); in a TaskGroup the loop would end
    without a word.
    """
    task = asyncio.current_task()
    return task is not None and task.cancelling() > 0
