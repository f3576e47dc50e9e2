"""Carries out the schedule, and records when each fault began and when it was healed."""

import asyncio
import time
from collections import defaultdict
from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import AsyncExitStack

from tests.chaos.harness.journal import Journal
from tests.chaos.harness.schedule import Fault

Strike = Callable[[Fault], Awaitable[None]]
"""Breaks, waits, heals; returns when the fault is over."""


class Nemesis:
    """`begun`: how many faults so far. `failed`: those that could not be carried out, with the reason."""

    def __init__(self, strikes: Mapping[str, Strike], journal: Journal) -> None:
        self.failed: list[str] = []
        self.begun = 0
        self._strikes = strikes
        self._busy: defaultdict[str, asyncio.Lock] = defaultdict(asyncio.Lock)
        self._journal = journal

    async def run(self, faults: Sequence[Fault]) -> None:
        """All of them, each at its time; returns when the last one is healed."""
        began = time.monotonic()
        async with asyncio.TaskGroup() as group:
            for number, fault in enumerate(faults, 1):
                await asyncio.sleep(max(0.0, began + fault.start - time.monotonic()))
                group.create_task(self._strike(number, fault))

    async def _strike(self, number: int, fault: Fault) -> None:
        async with AsyncExitStack() as alone:
            # The schedule keeps them apart, but a fault may last longer than it was thought to.
            for name in sorted({fault.target, *fault.groups}):
                await alone.enter_async_context(self._busy[name])
            await self._strike_now(number, fault)

    async def _strike_now(self, number: int, fault: Fault) -> None:
        self.begun += 1
        told = {"fault": number, "kind": fault.kind, "target": fault.target}
        self._journal.note("begin-fault", **told)
        try:
            await self._strikes[fault.kind](fault)
        except Exception as error:  # a fault that fails must not end the run: the verdict tells it
            self.failed.append(f"{fault.kind} {fault.target}: {error!r}")
            self._journal.note("end-fault", **told, failed=repr(error)[:500])
        else:
            self._journal.note("end-fault", **told)
