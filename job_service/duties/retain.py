"""Retention: settled jobs that are old enough go, with their history and executions.

A day whose jobs are all settled and old is dropped as partitions; in one that still has a live or young job
the others are deleted singly (R13).
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Protocol
from uuid import UUID

from job_service.domain.days import Day

TABLES = ("job_history", "executions")
BATCH = 1_000
BATCHES_PER_ROUND = 20
EVER_SECONDS = 1e9
"""A job that was locked or revived meanwhile keeps its day."""


@dataclass(frozen=True)
class Keep:
    """How long, in seconds, and how many rows of parked records."""

    jobs_seconds: float
    bulk_seconds: float
    parked_seconds: float
    parked_rows: int
    keys_seconds: float
    nodes_seconds: float


class DayStore(Protocol):
    """What it needs of the partitions."""

    async def today(self) -> date: ...
    async def days(self, table: str) -> list[Day]: ...
    async def days_with_jobs(self, before: Day) -> list[Day]: ...
    async def has_unsettled(self, day: Day) -> bool: ...
    async def has_recent(self, day: Day, within_seconds: float) -> bool: ...
    async def delete_settled(
        self, day: Day, older_than_seconds: float, limit: int, after: UUID, *, singly: bool
    ) -> tuple[int, UUID | None]: ...
    async def drop(self, table: str, day: Day) -> None: ...
    async def expire_keys(self, older_than_seconds: float, limit: int) -> int: ...


class ParkedStore(Protocol):
    """What it needs of the parked records."""

    async def expire(self, older_than_seconds: float, keep_rows: int, limit: int) -> int: ...


class DeletedStore(Protocol):
    """What it needs of the jobs that clients deleted."""

    async def forget(self, older_than_seconds: float, limit: int) -> int: ...


class EndedBulks(Protocol):
    """What it needs of the bulk actions that have ended."""

    async def forget(self, older_than_seconds: float, limit: int) -> int: ...


class DeadNodes(Protocol):
    """What it needs of the nodes."""

    async def prune(self, older_than_seconds: float) -> int: ...


class Retain:
    """One round over the days that are old enough."""

    EVERY_SECONDS = 600.0

    def __init__(
        self,
        days: DayStore,
        parked: ParkedStore,
        nodes: DeadNodes,
        deleted: DeletedStore,
        bulks: EndedBulks,
        keep: Keep,
    ) -> None:
        self._days = days
        self._parked = parked
        self._nodes = nodes
        self._deleted = deleted
        self._bulks = bulks
        self._keep = keep

    async def run_once(self) -> Mapping[str, int]:
        """Counts: jobs `deleted`, partitions `dropped`, `parked` records, `keys`, `nodes` and rows of `bulk`
        actions forgotten, and jobs that a client deleted long ago, `forgotten` first because a day is kept for
        their history."""
        counts = {"deleted": 0, "dropped": 0, "more": 0}
        forgotten = await self._deleted.forget(self._keep.jobs_seconds, BATCH)
        today = await self._days.today()
        cutoff = today - timedelta(seconds=self._keep.jobs_seconds)
        cut = {table: set(await self._days.days(table)) for table in TABLES}
        old = {day for days in cut.values() for day in days if day.date < cutoff}
        old.update(await self._days.days_with_jobs(before=Day(cutoff)))
        for day in sorted(old, key=lambda day: day.date):
            await self._clear(day, [table for table in TABLES if day in cut[table]], counts)
        keep = self._keep
        parked = await self._parked.expire(keep.parked_seconds, keep.parked_rows, BATCH)
        keys = await self._days.expire_keys(keep.keys_seconds, BATCH)
        nodes = await self._nodes.prune(keep.nodes_seconds)
        bulk = await self._bulks.forget(keep.bulk_seconds, BATCH)
        counts["more"] |= int(BATCH in {parked, keys, forgotten} or bulk >= BATCH)
        return {
            **counts,
            "parked": parked,
            "keys": keys,
            "nodes": nodes,
            "forgotten": forgotten,
            "bulk": bulk,
        }

    async def _clear(self, day: Day, cut: list[str], counts: dict[str, int]) -> None:
        """Clear a day; `cut` are the tables that have a partition for it. The rows of the others are in the
        default partition and go singly."""
        whole = not await self._days.has_unsettled(day) and not await self._days.has_recent(
            day, self._keep.jobs_seconds
        )
        after = UUID(int=0)
        for _ in range(BATCHES_PER_ROUND):
            deleted, last = await self._days.delete_settled(
                day,
                self._keep.jobs_seconds,
                BATCH,
                after,
                singly=not whole or len(cut) < len(TABLES),
            )
            counts["deleted"] += deleted
            if deleted < BATCH or last is None:
                break
            after = last
        else:
            counts["more"] = 1
            return
        if whole and not await self._days.has_recent(day, EVER_SECONDS):
            for table in cut:
                await self._days.drop(table, day)
                counts["dropped"] += 1
