"""Rings between replicas of job_service: LISTEN and NOTIFY on one connection of its own.

A ring goes at once; what rings soon after another is gathered and goes as one notification (R26). After the
connection was away every waiter is woken: rings may have been missed.
"""

import asyncio
from collections.abc import Mapping
from contextlib import suppress
from typing import Any

import asyncpg

from job_service.operations.doorbell import Doorbell
from shared.kernel.ids import new_id
from shared.runtime.log import get

GATHER_SECONDS = 0.01
"""From one flush to the next."""
RECONNECT_SECONDS = 1.0
CALL_LIMIT_SECONDS = 5.0


class Notifier:
    """Carries rings of named doorbells to the other replicas, and theirs to ours."""

    def __init__(self, url: str, *, connect_timeout: float) -> None:
        self._url = url.replace("+asyncpg", "")
        self._connect_timeout = connect_timeout
        self._me = str(new_id())
        self._rung: set[str] = set()
        self._wake = asyncio.Event()
        self._bells: Mapping[str, Doorbell] = {}
        self._log = get(__name__)

    def carry(self, bells: Mapping[str, Doorbell]) -> None:
        """Which doorbells there are, by channel."""
        self._bells = bells

    def rang(self, channel: str) -> None:
        """A doorbell rang here: tell the others with the next flush."""
        self._rung.add(channel)
        self._wake.set()

    async def run(self) -> None:
        """Keep the connection until cancelled."""
        while True:
            try:
                await self._connected()
            except (OSError, TimeoutError, asyncpg.PostgresError, asyncpg.InterfaceError) as error:
                self._log.warning("notifications away", error=repr(error)[:200])
            except asyncpg.InternalClientError as error:
                self._log.warning("notifications broken off", error=repr(error)[:200])
            await asyncio.sleep(RECONNECT_SECONDS)

    async def _connected(self) -> None:
        connection = await asyncpg.connect(
            self._url, timeout=self._connect_timeout, command_timeout=CALL_LIMIT_SECONDS
        )
        lost = asyncio.Event()

        def gone(_connection: Any) -> None:
            lost.set()
            self._wake.set()

        connection.add_termination_listener(gone)
        try:
            for channel in self._bells:
                await connection.add_listener(channel, self._heard)
            for bell in self._bells.values():
                bell.wake_all()
            while not lost.is_set():
                await self._wake.wait()
                self._wake.clear()
                rung, self._rung = self._rung, set()
                for channel in sorted(rung):
                    await connection.execute("SELECT pg_notify($1, $2)", channel, self._me)
                await asyncio.sleep(GATHER_SECONDS)
        finally:
            with suppress(Exception):
                connection.terminate()

    def _heard(self, _connection: Any, _pid: int, channel: str, payload: object) -> None:
        if payload != self._me:
            self._bells[channel].rung_elsewhere()
