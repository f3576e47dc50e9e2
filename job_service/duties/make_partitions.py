"""Make the partitions of history and executions ahead of the days they are for."""

from collections.abc import Mapping
from datetime import date, timedelta
from typing import Protocol

from job_service.domain.days import Day
from job_service.operations.outcomes import DatabaseError
from shared.runtime.log import get

TABLES = ("job_history", "executions")
DAYS_BACK = 1
DAYS_AHEAD = 3
"""Ids of yesterday may still come, from a replica whose clock is behind."""


class PartitionStore(Protocol):
    """What it needs of the database."""

    async def today(self) -> date: ...
    async def days(self, table: str) -> list[Day]: ...
    async def make(self, table: str, day: Day) -> None: ...


class MakePartitions:
    """One round: whatever is missing from yesterday to three days ahead."""

    EVERY_SECONDS = 3_600.0

    def __init__(self, store: PartitionStore) -> None:
        self._store = store
        self._log = get(__name__)

    async def run_once(self) -> Mapping[str, int]:
        """Counts: partitions `made`, and `refused` ones (the default partition has rows of that day; they
        stay there and work, only retention drops them more slowly)."""
        today = await self._store.today()
        wanted = [Day(today + timedelta(days=n)) for n in range(-DAYS_BACK, DAYS_AHEAD + 1)]
        counts = {"made": 0, "refused": 0}
        for table in TABLES:
            there = set(await self._store.days(table))
            for day in wanted:
                if day not in there:
                    counts["made" if await self._make(table, day) else "refused"] += 1
        return counts

    async def _make(self, table: str, day: Day) -> bool:
        try:
            await self._store.make(table, day)
        except DatabaseError as error:
            self._log.warning("no partition", table=table, day=day.suffix, error=str(error))
            return False
        return True
