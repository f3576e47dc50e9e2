"""Everything that job_service stores of jobs, to compare before and after."""

from collections.abc import Sequence
from typing import Any

from job_service.postgres.database import Raw

TABLES = (
    "jobs",
    "due",
    "inflight",
    "unsuccessful",
    "expiring",
    "job_history",
    "executions",
    "job_count_deltas",
)


async def snapshot(raw: Raw, *, without: Sequence[str] = ()) -> dict[str, list[dict[str, Any]]]:
    """The rows of each table but `without`, in a fixed order."""
    return {
        table: [
            dict(row) for row in await raw.fetch(f"SELECT * FROM {table} AS t ORDER BY t::text")
        ]
        for table in TABLES
        if table not in without
    }
