"""Faults of connections, by the doors: slow, jittery, half-open, reset, replies that never come."""

import asyncio
import random
from collections.abc import Callable

from tests.chaos.harness.schedule import Fault
from tests.chaos.harness.world import World
from tests.support.postgres_proxy import QUERY, SYNC
from tests.support.proxy import HttpProxy, TcpProxy

PATHS = ("/leases", "/reports", "/releases", "/claims", "/renew", "/nodes", "/compare", "/internal")
FOR_EVER = 1_000_000
CUTS = (
    (QUERY, b"COMMIT", False),
    (QUERY, b"COMMIT", True),
    (SYNC, b"", False),
    (SYNC, b"", True),
)
"""Where a connection to PostgreSQL ends: the type of the message, a text in it, whether before the server has
it."""
CUT_EVERY_SECONDS = 0.5
RESET_EVERY_SECONDS = 0.7


class NetFaults:
    """Strikes at the doors. A target is named after who goes through the door."""

    def __init__(self, world: World) -> None:
        self._world = world

    async def drop_replies(self, fault: Fault) -> None:
        """Requests do their work, and their replies never come; those of one kind of call, or all."""
        door = self._http(fault.target)
        inside = not fault.target.startswith("client")
        path = random.Random(fault.seed).choice(PATHS) if inside else "/api"
        rule = door.drop_reply(path, times=FOR_EVER)
        await asyncio.sleep(fault.seconds)
        rule.times = 0

    async def half_open(self, fault: Fault) -> None:
        """Connections stand and nothing passes."""
        await self._while(fault, lambda door: door.freeze())

    async def jitter(self, fault: Fault) -> None:
        """Everything takes longer, by a time that changes."""

        def slow(door: TcpProxy) -> None:
            door.delay_seconds, door.jitter_seconds = 0.02, 0.2

        await self._while(fault, slow)

    async def reset(self, fault: Fault) -> None:
        """All connections are reset, some times in a row."""
        for _ in range(max(1, int(fault.seconds / RESET_EVERY_SECONDS))):
            self._door(fault.target).reset()
            await asyncio.sleep(RESET_EVERY_SECONDS)

    async def cut_commits(self, fault: Fault) -> None:
        """Connections of job_service end at a message: before it, or after the server did its work."""
        choose = random.Random(fault.seed)
        for _ in range(max(1, int(fault.seconds / CUT_EVERY_SECONDS))):
            kind, text, before = choose.choice(CUTS)
            self._world.postgres_door.cut_reply(kind=kind, text=text, before=before)
            await asyncio.sleep(CUT_EVERY_SECONDS)

    async def _while(self, fault: Fault, break_it: Callable[[TcpProxy], None]) -> None:
        door = self._door(fault.target)
        break_it(door)
        try:
            await asyncio.sleep(fault.seconds)
        finally:
            door.heal()

    def _door(self, target: str) -> TcpProxy:
        if target == "postgres-door":
            return self._world.postgres_door
        return self._world.kafka_door if target == "kafka-door" else self._http(target)

    def _http(self, target: str) -> HttpProxy:
        return self._world.doors[target.removesuffix("-door")]
