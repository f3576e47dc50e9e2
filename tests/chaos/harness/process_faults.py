"""Faults of processes: killed, stopped in their tracks, asked to leave, and started again."""

import asyncio
import signal

from tests.chaos.harness.schedule import Fault
from tests.chaos.harness.world import World


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

    async def _start(self, name: str) -> None:
        """Not waited for until it is ready: what it needs may be broken too."""
        await asyncio.to_thread(self._world.spawn, name, ready=False)
