"""Faults of PostgreSQL and of Kafka themselves."""

import asyncio

from tests.chaos.harness.schedule import Fault
from tests.chaos.harness.world import World


class StoreFaults:
    """Strikes at the two servers."""

    def __init__(self, world: World) -> None:
        self._world = world

    async def restart_postgres(self, fault: Fault) -> None:
        """Immediate mode: a crash recovery follows."""
        await asyncio.to_thread(self._world.postgres.stop, immediate=True)
        await asyncio.sleep(fault.seconds)
        await asyncio.to_thread(self._world.postgres.start)
