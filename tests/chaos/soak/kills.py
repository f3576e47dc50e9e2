"""A `kill -9` every 30 s, in turns that a seed chooses. One process of each role is never killed: only in one
that lives all the while would a leak show."""

import asyncio
import random
import time
from collections.abc import Iterator
from dataclasses import dataclass

from punctual.local.stack import Stack
from shared.runtime.settings import LeaseTimes

EVERY_SECONDS = 30.0
VICTIMS = ("worker-2", "worker-3", "scheduler-2", "job-2")
AFTER_SECONDS = 5.0
"""So long after its session is over, or it is ready again, a kill may still be felt."""


@dataclass(frozen=True)
class Window:
    """When a kill may be felt, in seconds since 1970."""

    name: str
    begin: float
    end: float


class Killer:
    """`windows` of all kills so far. `others` is the environment of each process besides the stack's own."""

    def __init__(self, stack: Stack, seed: int, others: dict[str, dict[str, str]]) -> None:
        self.windows: list[Window] = []
        self._stack = stack
        self._turns = _turns(seed)
        self._others = others

    async def run(self, until: float) -> None:
        """One kill after the other, the last one at least a window before `until` (monotonic seconds)."""
        at = time.monotonic()
        while (at := at + EVERY_SECONDS) < until - EVERY_SECONDS / 2:
            await asyncio.sleep(max(0.0, at - time.monotonic()))
            await asyncio.to_thread(self._kill, next(self._turns))

    def _kill(self, name: str) -> None:
        began = time.time()
        self._stack.kill(name)
        self._stack.spawn(name, env=self._others.get(name))
        over = began + LeaseTimes().ttl + LeaseTimes().grace
        self.windows.append(Window(name, began, max(time.time(), over) + AFTER_SECONDS))


def _turns(seed: int) -> Iterator[str]:
    chance = random.Random(f"soak {seed}")
    while True:
        yield from chance.sample(VICTIMS, len(VICTIMS))
