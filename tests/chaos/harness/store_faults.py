"""Faults of the two servers: PostgreSQL restarted, frozen, its sessions ended, its rows locked by a stranger;
Kafka killed and frozen."""

import asyncio
import random
import signal
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress

import asyncpg

from tests.chaos.harness.schedule import Fault
from tests.chaos.harness.world import World
from tests.support.faults import frozen_server

CALL_LIMIT_SECONDS = 10.0
TERMINATE_EVERY_SECONDS = 0.3
TERMINATE = """
SELECT pg_terminate_backend(pid) FROM pg_stat_activity
WHERE datname = current_database() AND pid <> pg_backend_pid() AND backend_type = 'client backend'
  AND random() < 0.5
"""
LOCKS = (
    "SELECT id FROM jobs WHERE id IN (SELECT job_id FROM inflight LIMIT 200) ORDER BY id FOR UPDATE",
    "SELECT id FROM jobs WHERE id IN (SELECT job_id FROM due LIMIT 200) ORDER BY id FOR UPDATE",
    "SELECT job_id FROM due ORDER BY job_id LIMIT 200 FOR UPDATE",
    "SELECT id FROM nodes WHERE state = 'live' ORDER BY id LIMIT 2 FOR UPDATE",
)
"""What a stranger may hold, idle in a transaction."""


class StoreFaults:
    """Strikes at the two servers."""

    def __init__(self, world: World) -> None:
        self._world = world

    async def restart_postgres(self, fault: Fault) -> None:
        """Immediate mode: a crash recovery follows."""
        await asyncio.to_thread(self._world.postgres.stop, immediate=True)
        await asyncio.sleep(fault.seconds)
        await asyncio.to_thread(self._world.postgres.start)

    async def freeze_postgres(self, fault: Fault) -> None:
        """SIGSTOP of the server and all of its children."""
        with frozen_server(self._world.postgres):
            await asyncio.sleep(fault.seconds)

    async def terminate_backends(self, fault: Fault) -> None:
        """Half of the sessions are ended, again and again."""
        async with _connection(self._world) as raw:
            for _ in range(max(1, int(fault.seconds / TERMINATE_EVERY_SECONDS))):
                await raw.execute(TERMINATE)
                await asyncio.sleep(TERMINATE_EVERY_SECONDS)

    async def hold_locks(self, fault: Fault) -> None:
        """A stranger locks rows and goes away without a word."""
        async with _connection(self._world) as raw, raw.transaction():
            await raw.execute("SET LOCAL lock_timeout = '2s'")
            # It may wait in vain for somebody who works: then there was nothing to hold.
            with suppress(asyncpg.LockNotAvailableError, asyncpg.DeadlockDetectedError):
                await raw.execute(random.Random(fault.seed).choice(LOCKS))
                await asyncio.sleep(fault.seconds)

    async def kill_kafka(self, fault: Fault) -> None:
        """`kill -9`, away for a while, started again."""
        self._world.kafka.daemon.send(signal.SIGKILL)
        await asyncio.to_thread(self._world.kafka.daemon.gone, within_seconds=CALL_LIMIT_SECONDS)
        await asyncio.sleep(fault.seconds)
        await asyncio.to_thread(self._world.kafka.start)

    async def freeze_kafka(self, fault: Fault) -> None:
        """SIGSTOP, then SIGCONT."""
        self._world.kafka.daemon.send(signal.SIGSTOP)
        try:
            await asyncio.sleep(fault.seconds)
        finally:
            self._world.kafka.daemon.send(signal.SIGCONT)


@asynccontextmanager
async def _connection(world: World) -> AsyncIterator[asyncpg.Connection]:
    """A connection past the door, dropped without a word."""
    raw = await asyncpg.connect(
        world.postgres.url, timeout=CALL_LIMIT_SECONDS, command_timeout=CALL_LIMIT_SECONDS
    )
    try:
        yield raw
    finally:
        raw.terminate()
