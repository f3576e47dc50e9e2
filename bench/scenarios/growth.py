"""What a job costs while ever more others are pending, and with many settled ones."""

import asyncio
import sys
import time

import asyncpg

from bench import throughput
from bench.scenarios import creating
from bench.scenarios.scenario import Row, Scenario, Sizes, run_command
from tests.support.copied_jobs import copy_jobs
from tests.support.looking import count
from tests.support.stacks import RunningStack

NAME = "pending"
SEEDS = 200
FAR_SECONDS = 30 * 86_400.0
AT_ONCE = 500_000
PENDING = f"SELECT id FROM jobs WHERE name = '{NAME}' LIMIT {SEEDS}"
SETTLED = f"SELECT id FROM jobs WHERE status = 'SUCCESS' LIMIT {SEEDS}"
HOW_MANY = """
SELECT (SELECT coalesce(sum(jobs), 0) FROM job_counts WHERE status = $1)
     + (SELECT coalesce(sum(delta), 0) FROM job_count_deltas WHERE status = $1)
"""


def measure(stack: RunningStack, sizes: Sizes) -> list[Row]:
    """Grow step by step; at each the same jobs are created and run."""
    far = creating.at(time.time() + FAR_SECONDS)
    creating.create_batches(stack, SEEDS, creating.job(NAME, scheduledTime=far))
    asyncio.run(throughput.measure(stack, throughput.WARM_UP_JOBS, one_by_one=False))
    found = []
    for pending in sizes["pending"]:
        _grow(stack, PENDING, "CREATED", pending)
        found.append(_row(stack, sizes["jobs"]))
    if sizes["settled"]:
        _grow(stack, SETTLED, "SUCCESS", sizes["settled"])
        found.append(_row(stack, sizes["jobs"]))
    return found


def _row(stack: RunningStack, jobs: int) -> Row:
    pending, settled = (count(stack, HOW_MANY, state) for state in ("CREATED", "SUCCESS"))
    done = asyncio.run(throughput.measure(stack, jobs, one_by_one=False))
    return {
        "pending": pending,
        "settled": settled,
        "jobs": jobs,
        "jobs/s": round(done.rate),
        "product µs": round(done.product_us()),
        **{f"{role} µs": round(us) for role, us in sorted(done.cpu_us.items())},
    }


def _grow(stack: RunningStack, source: str, state: str, wanted: int) -> None:
    """Copy jobs of that kind until there are so many."""

    async def grow(more: int) -> None:
        raw = await asyncpg.connect(stack.stack.plan.database_url)
        try:
            while more > 0:
                count, more = min(more, AT_ONCE), more - AT_ONCE
                await copy_jobs(raw, count, of=source, days=0.02, more_follow=more > 0)
        finally:
            await raw.close()

    asyncio.run(grow(wanted - count(stack, HOW_MANY, state)))


SCENARIO = Scenario(
    name="growth",
    title="Growth",
    says=(
        "Jobs due in a month are added to the database, copies of ones that Punctual made; then jobs that do "
        "nothing are created in batches and run, as in the comparison. CPU is for each job."
    ),
    given=("pending", "settled", "jobs"),
    sizes={"pending": (10_000, 1_000_000, 10_000_000), "settled": 2_000_000, "jobs": 20_000},
    quick={"pending": (10_000, 50_000), "settled": 80_000, "jobs": 3_000},
    measure=measure,
)

if __name__ == "__main__":
    sys.exit(run_command(SCENARIO))
