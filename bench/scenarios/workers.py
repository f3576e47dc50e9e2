"""The same work with more workers."""

import asyncio
import sys

from bench import throughput
from bench.scenarios.scenario import Row, Scenario, Sizes, run_command
from tests.support.stacks import RunningStack


def measure(stack: RunningStack, sizes: Sizes) -> list[Row]:
    """Batch-created jobs, with each number of workers in turn."""
    found: list[Row] = []
    try:
        for workers in sorted(sizes["workers"]):
            for n in range(1, workers + 1):
                if stack.stack.pid(f"worker-{n}") is None:
                    stack.stack.spawn(f"worker-{n}")
            asyncio.run(throughput.measure(stack, throughput.WARM_UP_JOBS, one_by_one=False))
            done = asyncio.run(throughput.measure(stack, sizes["jobs"], one_by_one=False))
            costs = {f"{role} µs": round(us) for role, us in sorted(done.cpu_us.items())}
            found.append(
                {"workers": workers, "jobs": done.jobs, "jobs/s": round(done.rate), **costs}
            )
    finally:
        for n in range(2, max(sizes["workers"]) + 1):
            stack.stack.stop(f"worker-{n}")
    return found


SCENARIO = Scenario(
    name="workers",
    title="One, two and four workers",
    says="Jobs that do nothing, created in batches, from the first create to the last end; CPU is for each.",
    given=("workers", "jobs"),
    sizes={"workers": (1, 2, 4), "jobs": 20_000},
    quick={"workers": (1, 2, 4), "jobs": 3_000},
    measure=measure,
)

if __name__ == "__main__":
    sys.exit(run_command(SCENARIO))
