"""How late first attempts began whose due time lies outside of all fault windows."""

from collections import defaultdict
from collections.abc import Sequence

import asyncpg

from tests.chaos.soak.kills import EVERY_SECONDS, Window
from tests.chaos.soak.trends import Series

LATE_MOST, LATE_LEAST_MS = 0.20, 2.0
LEAST_AHEAD_SECONDS = 1.0
LEAST_JOBS = 500
"""A percentile of fewer is left out."""

STARTS = """
SELECT extract(epoch FROM e.due_at)::float8 AS due,
       extract(epoch FROM e.started_at - e.due_at)::float8 * 1000 AS late
FROM executions AS e JOIN jobs AS j ON j.id = e.job_id
WHERE e.attempt = 1 AND e.started_at IS NOT NULL AND e.due_at - j.created_at >= $1 * interval '1 second'
"""


async def p99_by_cycle(url: str, windows: Sequence[Window], *, began_at: float) -> Series:
    """A p99 in milliseconds for each time from one kill to the next."""
    raw = await asyncpg.connect(url)
    try:
        starts = await raw.fetch(STARTS, LEAST_AHEAD_SECONDS, timeout=120)
    finally:
        await raw.close()
    cycles: defaultdict[int, list[float]] = defaultdict(list)
    for due, late in starts:
        if not any(window.begin <= due <= window.end for window in windows):
            cycles[int((due - began_at) / EVERY_SECONDS)].append(late)
    points = [
        ((cycle + 0.5) * EVERY_SECONDS, sorted(found)[int(len(found) * 0.99)])
        for cycle, found in sorted(cycles.items())
        if len(found) >= LEAST_JOBS
    ]
    return Series("p99 lateness", "outside fault windows", "ms", points, LATE_MOST, LATE_LEAST_MS)
