"""Handlers that take a while: how much of a worker's slots is used."""

import sys

from bench.scenarios import creating
from bench.scenarios.scenario import Row, Scenario, Sizes, run_command
from shared.runtime.settings import Worker
from tests.support.stacks import RunningStack

SLOTS: int = Worker.model_fields["slots"].default
MOST_JOBS = 100_000


def measure(stack: RunningStack, sizes: Sizes) -> list[Row]:
    """One length of handlers after the other, for so many seconds each if no time is lost."""
    return [_one(stack, ms, sizes["seconds"], sizes["most_jobs"]) for ms in sizes["sleep_ms"]]


def _one(stack: RunningStack, sleep_ms: int, seconds: float, most: int) -> Row:
    ideal = SLOTS / (sleep_ms / 1000)
    jobs = min(most, max(SLOTS, round(ideal * seconds)))
    name = f"handlers-{sleep_ms}"
    creating.create_batches(stack, jobs, creating.job(name, payload={"sleepMs": sleep_ms}))
    creating.wait_drained(stack)
    began, ended = creating.ran(stack, name, jobs)
    rate = jobs / (ended - began)
    return {
        "handler ms": sleep_ms,
        "jobs": jobs,
        "jobs/s": round(rate),
        "if slots were all": round(ideal),
        "slots used %": round(100 * rate / ideal, 1),
    }


SCENARIO = Scenario(
    name="handlers",
    title="Handlers of 1 ms, 20 ms and 1 s",
    says=(
        f"One worker of {SLOTS} slots, its default; jobs due at once, created in batches. "
        "`if slots were all` is the rate at which no slot would ever be free."
    ),
    given=("handler ms", "jobs"),
    sizes={"sleep_ms": (1, 20, 1_000), "seconds": 10.0, "most_jobs": 50_000},
    quick={"sleep_ms": (1, 20, 1_000), "seconds": 2.0, "most_jobs": 3_000},
    measure=measure,
)

if __name__ == "__main__":
    sys.exit(run_command(SCENARIO))
