"""Ordering keys under faults: never two of a key at once, and in due order, by history alone.

The small size of `make chaos-keys`, with faults that are chosen here.
"""

import asyncio
from pathlib import Path

from tests.chaos.checker.verdict import judge_directory
from tests.chaos.harness.run import Wanted, run
from tests.chaos.harness.schedule import Fault

KEYS, OF_EACH = 40, 20
SECONDS = 10.0
FAULTS = (
    Fault(2.0, "kill-worker", "worker-1", 1.0),
    Fault(3.0, "cut-commits", "postgres-door", 1.5, seed=1),
    Fault(4.0, "kill-scheduler", "scheduler-1", 0.5),
    Fault(5.0, "drop-replies", "worker-2-door", 1.5, seed=2),
    Fault(6.0, "kill-job-service", "job-2", 0.5),
)


def test_one_of_a_key_at_a_time_in_due_order_under_faults(tmp_path: Path) -> None:
    """R19: 40 keys of 20 jobs, while workers, schedulers, services and connections fail."""
    wanted = Wanted(7, SECONDS, KEYS * OF_EACH, keys=KEYS, faults=FAULTS)
    asyncio.run(run(wanted, tmp_path))
    verdict = judge_directory(tmp_path)
    print(verdict.last_line())
    assert verdict.violations == 0, verdict.table()
    assert len(verdict.records.jobs) == KEYS * OF_EACH
    assert len(verdict.records.windows) == len(FAULTS)
    # Each job had its key once at least; of the hundreds that nobody touched the order was judged.
    assert verdict.findings["R19"].subjects >= 2 * KEYS * OF_EACH
