"""Faults of processes: killed, stopped in their tracks, asked to leave, and started again."""

import asyncio
import signal

from tests.chaos.harness.schedule import Fault
from tests.chaos.harness.world import World

EXTRA_WORKERS = ("worker-8", "worker-9")
STORM_SECONDS = 4.0
"""From one join or leave to the next: a worker needs some of it to come up."""


class ProcessFaults:
    """Strikes at services of the world."""

    def __init__(self, world: World) -> None:
        self._world = world

    async def kill(self, fault: Fault) -> None:
        """`kill -9`, away for a while, started again."""
        await asyncio.to_thread(self._world.kill, fault.target)
        await asyncio.sleep(fault.seconds)
        await self._start(fault.target)

    async def freeze(self, fault: Fault) -> None:
        """SIGSTOP, then SIGCONT."""
        self._world.kill(fault.target, signal.SIGSTOP)
        try:
            await asyncio.sleep(fault.seconds)
        finally:
            self._world.kill(fault.target, signal.SIGCONT)

    async def drain(self, fault: Fault) -> None:
        """SIGTERM: it leaves in good order, then is started again."""
        await asyncio.to_thread(self._world.stack.stop, fault.target)
        await asyncio.sleep(fault.seconds)
        await self._start(fault.target)

    async def storm(self, fault: Fault) -> None:
        """Workers join and leave the group every few seconds, in good order or not."""
        for turn in range(int(fault.seconds / STORM_SECONDS)):
            name = EXTRA_WORKERS[turn % 2]
            if self._world.stack.pid(name) is None:
                await self._start(name)
            elif turn % 4 < 2:
                await asyncio.to_thread(self._world.kill, name)
            else:
                await asyncio.to_thread(self._world.stack.stop, name)
            await asyncio.sleep(STORM_SECONDS)
        for name in EXTRA_WORKERS:
            await asyncio.to_thread(self._world.stack.stop, name)

    async def _start(self, name: str) -> None:
        """Not waited for until it is ready: what it needs may be broken too."""
        await asyncio.to_thread(self._world.spawn, name, ready=False)
