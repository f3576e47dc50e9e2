"""A backlog that came together while no worker was there, from the first start to the last end."""

import sys

from bench import cpu, memory
from bench.scenarios import creating
from bench.scenarios.scenario import Row, Scenario, Sizes, run_command
from tests.support.stacks import RunningStack

NAME = "burn-down"


def measure(stack: RunningStack, sizes: Sizes) -> list[Row]:
    """Stop the worker, create, start it again."""
    jobs: int = sizes["jobs"]
    stack.stack.stop("worker-1")
    created = creating.create_batches(stack, jobs, creating.job(NAME))
    used = cpu.by_role(stack.stack)
    stack.stack.spawn("worker-1")
    with memory.watched(stack.stack) as peak:
        creating.wait_drained(stack)
    after = cpu.by_role(stack.stack)
    began, ended = creating.ran(stack, NAME, jobs)
    # The worker's own start, and whatever the others did meanwhile, is in these.
    costs = {role: (after[role] - used.get(role, 0.0)) / jobs * 1e6 for role in sorted(after)}
    return [
        {
            "jobs": jobs,
            "created/s": round(jobs / created),
            "burnt down/s": round(jobs / (ended - began)),
            **{f"{role} µs": round(us) for role, us in costs.items()},
            **{f"{name} MB": round(mb) for name, mb in sorted(peak.megabytes.items())},
            "largest service MB": round(max(peak.megabytes.values(), default=0.0), 1),
        }
    ]


SCENARIO = Scenario(
    name="burn_down",
    title="Burn-down of a backlog",
    says=(
        "Jobs that do nothing are created while no worker is there; then one starts. CPU is for each job, "
        "memory the most while they ran (PSS)."
    ),
    given=("jobs",),
    sizes={"jobs": 100_000},
    quick={"jobs": 5_000},
    measure=measure,
)

if __name__ == "__main__":
    sys.exit(run_command(SCENARIO))
