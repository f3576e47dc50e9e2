"""Effects once under faults: jobs that insert a row through `once` have one each, without it some have more.

The small size of `make chaos-effects`, with faults that are chosen here.
"""

import asyncio
from pathlib import Path

from tests.chaos.checker.verdict import judge_directory
from tests.chaos.harness.run import Wanted, run
from tests.chaos.harness.schedule import Fault

JOBS = 240
SECONDS = 7.0
FAULTS = (
    Fault(2.0, "freeze-worker", "worker-2", 5.0),
    Fault(2.5, "kill-worker", "worker-1", 0.2),
    Fault(3.5, "cut-commits", "postgres-door", 1.0, seed=1),
    Fault(5.0, "restart-postgres", "postgres", 0.0),
    Fault(6.0, "kill-worker", "worker-3", 0.2),
)


def test_one_row_for_each_job_under_faults(tmp_path: Path) -> None:
    """R22: 120 jobs through the ledger and 120 without it, while workers and PostgreSQL fail."""
    asyncio.run(run(Wanted(3, SECONDS, JOBS, rows=True, faults=FAULTS), tmp_path))
    verdict = judge_directory(tmp_path)
    print(verdict.last_line())
    assert verdict.violations == 0, verdict.table()
    jobs = verdict.records.jobs
    assert len(jobs) == JOBS
    assert {job["status"] for job in jobs.values()} == {"SUCCESS"}
    rows = verdict.records.all("row")
    once = [row["job"] for row in rows if row["how"] == "once"]
    assert len(once) == len(set(once)) == JOBS // 2
    # A worker that is killed has jobs which have inserted and not ended.
    again = [row["job"] for row in rows if row["how"] == "again"]
    assert len(again) > len(set(again)) == JOBS // 2
