"""Lateness at several rates, for jobs created long ahead, 1 s ahead and due at once."""

import sys

from bench import lateness
from bench.scenarios import creating
from bench.scenarios.scenario import Row, Scenario, Sizes, run_command
from tests.support.sink import listening_sink
from tests.support.stacks import RunningStack


def measure(stack: RunningStack, sizes: Sizes) -> list[Row]:
    """Each rate with each time ahead, after a warm-up: the broker's code is compiled while it runs."""
    creating.create_batches(stack, sizes["warm_up"], creating.job("warm-up"))
    creating.wait_drained(stack)
    return [
        _one(stack, rate, ahead, sizes["seconds"])
        for rate in sizes["rate"]
        for ahead in sizes["ahead"]
    ]


def _one(stack: RunningStack, rate: int, ahead: float, seconds: float) -> Row:
    with listening_sink() as sink:
        jobs = round(rate * seconds)
        found = lateness.measure(stack, sink, jobs=jobs, rate=rate, ahead=ahead)
    figures = {f"{label} ms": round(ms, 2) for label, ms in lateness.figures(found.by_sink)}
    return {
        "created ahead s": f"{ahead:g}" if ahead else "due at once",
        "jobs/s": rate,
        "jobs": jobs,
        **figures,
        # Of a job that is due at once the figure begins with the answer to its create, which may be outrun.
        "early": found.early() if ahead else None,
        "least ahead s": round(found.ahead, 2) if ahead else None,
    }


SCENARIO = Scenario(
    name="lateness",
    title="Lateness",
    says=(
        "By the clock of an outside sink that each handler tells that it began; of jobs due at once from the "
        "answer to their create. `least ahead` is below the time asked for where creating itself was slow. "
        "Some thousand jobs in batches run first, as Kafka's code is compiled while it runs."
    ),
    given=("created ahead s", "jobs/s", "jobs"),
    sizes={"rate": (50, 500, 1_000), "ahead": (30.0, 1.0, 0.0), "seconds": 20.0, "warm_up": 10_000},
    quick={"rate": (50, 300), "ahead": (1.0, 0.0), "seconds": 2.0, "warm_up": 2_000},
    measure=measure,
)

if __name__ == "__main__":
    sys.exit(run_command(SCENARIO))
