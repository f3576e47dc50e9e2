"""What a job costs in counts, which do not depend on the machine: no change may make it more by accident.

Who needs more says so here, and why in the change. `make counts` shows where it goes (docs/counts.md); the HOT
share of updates is guarded by test_hot_share.py, the records on the topic by tests/e2e/test_first_path.py.
"""

from dataclasses import dataclass

import asyncpg

from bench.count_per_job import count_work

ROUNDS = {1: 10, 100: 3}


@dataclass(frozen=True)
class Budget:
    """For one job, at most. WAL is judged where PostgreSQL writes no full pages, whose number is a matter of
    time."""

    requests: float
    statements: float
    round_trips: float
    wal_bytes: float


BUDGETS = {
    ("due at create", 1): Budget(4, 6, 8, 5_300),
    ("due at create", 100): Budget(1.03, 1.05, 1.07, 5_000),
    ("held until due", 1): Budget(5, 7, 9, 6_200),
    ("held until due", 100): Budget(1.04, 1.06, 1.08, 6_000),
}
"""By path and by the number of jobs in a batch. In batches each job still has a create of its own."""


async def test_a_job_costs_no_more_than_its_budget(database_url: str) -> None:
    """Statements, round trips, requests and bytes of WAL from create to SUCCESS."""
    raw = await asyncpg.connect(database_url)
    try:
        full_pages = await raw.fetchval("SHOW full_page_writes") == "on"
    finally:
        await raw.close()
    found = await count_work(database_url, ROUNDS)
    over: list[str] = []
    for (path, size), budget in BUDGETS.items():
        measured = found[path][size]
        whole = measured.whole()
        for name, most in vars(budget).items():
            each = getattr(whole, name) / measured.jobs
            if each > most + 1e-9 and not (name == "wal_bytes" and full_pages):
                over.append(f"{path}, {size} in a batch: {each:.3f} {name}, at most {most}")
    assert over == []
