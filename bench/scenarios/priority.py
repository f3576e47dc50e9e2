"""Jobs of high priority that come while a backlog of low ones is worked off."""

import sys
import time

from bench import lateness
from bench.scenarios import creating
from bench.scenarios.scenario import Row, Scenario, Sizes, run_command
from tests.support.looking import count
from tests.support.sink import listening_sink
from tests.support.stacks import RunningStack
from tests.support.waiting import wait_until

NAME = "low"
HIGH, LOW = 100, -100
STARTED_WITHIN_SECONDS = 60.0
LEFT = "SELECT count(*) FROM due"


def measure(stack: RunningStack, sizes: Sizes) -> list[Row]:
    """A backlog, and as soon as it is worked on, high ones at a steady rate."""
    backlog: int = sizes["backlog"]
    low = creating.job(NAME, priority=LOW, payload={"sleepMs": sizes["sleep_ms"]})
    stack.stack.stop("worker-1")
    creating.create_batches(stack, backlog, low)
    stack.stack.spawn("worker-1")
    wait_until(
        lambda: count(stack, LEFT) < backlog,
        within=STARTED_WITHIN_SECONDS,
        every=0.2,
        what="the backlog to be worked on",
    )
    before, began = count(stack, LEFT), time.monotonic()
    with listening_sink() as sink:
        high = lateness.create(
            stack, sink, jobs=sizes["high"], rate=sizes["rate"], ahead=0.0, priority=HIGH
        )
        seconds, after = time.monotonic() - began, count(stack, LEFT)
        found = lateness.collected(stack, sink, high)
    creating.wait_drained(stack)
    figures = {f"{label} ms": round(ms, 1) for label, ms in lateness.figures(found.by_sink)}
    return [
        {
            "low ones": backlog,
            "left at the first high one": before,
            "left at the last": after,
            "low ones/s meanwhile": round((before - after) / seconds),
            "high ones": sizes["high"],
            **figures,
        }
    ]


SCENARIO = Scenario(
    name="priority",
    title="High priority behind a backlog of low ones",
    says=(
        f"Jobs of priority {HIGH}, due at once, are created one by one while one worker works off a backlog of "
        f"priority {LOW}; from the answer to a create until its handler begins."
    ),
    given=("low ones", "high ones"),
    sizes={"backlog": 1_000_000, "sleep_ms": 0, "high": 100, "rate": 5.0},
    quick={"backlog": 8_000, "sleep_ms": 0, "high": 10, "rate": 5.0},
    measure=measure,
)

if __name__ == "__main__":
    sys.exit(run_command(SCENARIO))
