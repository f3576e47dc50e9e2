"""What is looked at every few seconds: memory and open files of processes, connections, sizes on disk."""

import asyncio
import os
import time
from collections import defaultdict
from collections.abc import Callable, Iterable
from pathlib import Path

import asyncpg

from punctual.local.stack import Stack
from tests.chaos.soak.trends import Point, Series

EVERY_SECONDS = 10.0
WATCHED = ("job-1", "scheduler-1", "worker-1")
"""Those that are never killed."""
BASE = ("postgres", "kafka")
OPEN_JOBS = frozenset(
    {
        "due",
        "inflight",
        "nodes",
        "scheduler_claims",
        "topic_positions",
        "job_counts",
        "job_count_deltas",
    }
)
"""Tables that hold what is open or alive, however many jobs there ever were: their bytes must not grow."""

MEMORY_MOST, FILES_MOST, BYTES_MOST = 0.10, 0.10, 0.05
MEMORY_LEAST_MIB, FILES_LEAST, BYTES_LEAST, OPEN_LEAST_KIB = 4.0, 3.0, 1.0, 1024.0

CONNECTIONS = "SELECT count(*) FROM pg_stat_activity WHERE backend_type = 'client backend'"
SIZES = """
SELECT coalesce(i.indrelid, c.oid)::regclass::text AS of, coalesce(i.whole, c.oid)::regclass::text AS name,
       sum(CASE c.relkind WHEN 'r' THEN pg_table_size(c.oid) ELSE pg_relation_size(c.oid) END)::bigint AS bytes
FROM (SELECT oid, relkind, relnamespace FROM pg_class WHERE relkind IN ('r', 'i')) AS c
JOIN pg_namespace AS n ON n.oid = c.relnamespace AND n.nspname = 'public'
LEFT JOIN LATERAL (
    SELECT coalesce(pg_partition_root(x.indrelid), x.indrelid) AS indrelid,
           coalesce(pg_partition_root(x.indexrelid), x.indexrelid) AS whole
    FROM pg_index AS x WHERE x.indexrelid = c.oid
    UNION ALL
    SELECT pg_partition_root(c.oid), pg_partition_root(c.oid) WHERE c.relkind = 'r'
) AS i ON true
GROUP BY 1, 2
"""
"""Bytes of each table with its TOAST and of each index, those of partitions together."""


class Samples:
    """`series` of all that was sampled so far. `made` tells how many jobs there are."""

    def __init__(self, stack: Stack, made: Callable[[], int]) -> None:
        self._stack = stack
        self._made = made
        self._points: defaultdict[tuple[str, str], list[Point]] = defaultdict(list)
        self._began = time.monotonic()

    async def run(self) -> None:
        """Sample for ever."""
        raw = await asyncpg.connect(self._stack.plan.database_url)
        try:
            while True:
                await self._sample(raw)
                await asyncio.sleep(EVERY_SECONDS)
        finally:
            raw.terminate()

    def series(self) -> list[Series]:
        """One for each thing, with what it may grow by."""
        limits = {
            "memory": ("MiB", MEMORY_MOST, MEMORY_LEAST_MIB),
            "open files": ("", FILES_MOST, FILES_LEAST),
            "connections": ("", FILES_MOST, FILES_LEAST),
            "bytes per job": ("B", BYTES_MOST, BYTES_LEAST),
            "size": ("KiB", BYTES_MOST, OPEN_LEAST_KIB),
        }
        return [
            Series(kind, name, unit, points, most, least)
            for (kind, name), points in sorted(self._points.items())
            for unit, most, least in [limits[kind]]
        ]

    async def _sample(self, raw: asyncpg.Connection) -> None:
        for name in (*WATCHED, *BASE):
            pid = self._stack.pid(name)
            if pid is None:
                raise RuntimeError(f"{name} is gone")
            pids = [pid, *_children(pid)]
            self._note("memory", name, sum(map(_own_kib, pids)) / 1024)
            if name in WATCHED:
                self._note("open files", name, len(os.listdir(f"/proc/{pid}/fd")))
        self._note("connections", "postgres", await raw.fetchval(CONNECTIONS))
        jobs = self._made()
        for row in await raw.fetch(SIZES):
            if row["of"] in OPEN_JOBS:
                self._note("size", row["name"], row["bytes"] / 1024)
            elif jobs:
                self._note("bytes per job", row["name"], row["bytes"] / jobs)

    def _note(self, kind: str, name: str, value: float) -> None:
        self._points[kind, name].append((time.monotonic() - self._began, float(value)))


def _children(pid: int) -> Iterable[int]:
    children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    return map(int, children)


def _own_kib(pid: int) -> int:
    """Memory that only this process has; 0 if it is gone. PostgreSQL's shared buffers fill up by design."""
    try:
        rollup = Path(f"/proc/{pid}/smaps_rollup").read_text()
    except (FileNotFoundError, ProcessLookupError):
        return 0
    return sum(int(line.split()[1]) for line in rollup.splitlines() if line.startswith("Private_"))
