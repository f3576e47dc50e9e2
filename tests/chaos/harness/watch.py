"""Looks on from outside while the run goes: how many jobs are open, what the group has committed, memory."""

import asyncio
from contextlib import suppress

import asyncpg

from tests.chaos.harness.journal import Journal
from tests.chaos.harness.world import World, resident_kib

LOOK_SECONDS = 0.5
LOOK_LIMIT_SECONDS = 5.0
MEMORY_EVERY = 20
"""Looks from one record of memory to the next."""
QUIET_LOOKS = 4
"""So many looks in a row must find nothing open."""
OPEN = """
SELECT (SELECT count(*) FROM due) + (SELECT count(*) FROM inflight) + (SELECT count(*) FROM in_line)
"""


BROKEN = (
    OSError,
    TimeoutError,
    asyncpg.PostgresError,
    asyncpg.InterfaceError,
    asyncpg.InternalClientError,  # a killed backend surfaces as this too
)


class Watch:
    """`open_jobs`: the last number that the database told."""

    def __init__(self, world: World, journal: Journal) -> None:
        self.open_jobs = 0
        self._quiet_looks = 0
        self._quiet = asyncio.Event()
        self._world = world
        self._journal = journal
        self._looks = 0

    async def run(self) -> None:
        """Look for ever."""
        while True:
            with suppress(*BROKEN):
                await self._watch_jobs()
            await asyncio.sleep(LOOK_SECONDS)

    async def settle(self, limit_seconds: float) -> bool:
        """Wait until nothing is open any more; whether that came."""
        self._quiet_looks = 0
        self._quiet.clear()
        with suppress(TimeoutError):
            await asyncio.wait_for(self._quiet.wait(), limit_seconds)
        return self._quiet.is_set()

    def note_memory(self, what: str) -> None:
        """Record what each service has resident."""
        for name in self._world.stack.running():
            pid = self._world.stack.pid(name)
            if pid is not None and name not in {"postgres", "kafka"}:
                with suppress(OSError):
                    self._journal.note(what, process=name, kib=resident_kib(pid))

    async def _watch_jobs(self) -> None:
        async with asyncio.timeout(LOOK_LIMIT_SECONDS):
            raw = await asyncpg.connect(self._world.postgres.url, timeout=LOOK_LIMIT_SECONDS)
        try:
            while True:
                self.open_jobs = await raw.fetchval(OPEN, timeout=LOOK_LIMIT_SECONDS)
                self._quiet_looks = self._quiet_looks + 1 if self.open_jobs == 0 else 0
                if self._quiet_looks >= QUIET_LOOKS:
                    self._quiet.set()
                self._looks += 1
                if self._looks % MEMORY_EVERY == 0:
                    self.note_memory("memory")
                await asyncio.sleep(LOOK_SECONDS)
        finally:
            raw.terminate()
