"""Whether the rule of docs/performance.md for the number of workers holds: with as many, and with one fewer."""

import asyncio
import json
import math
import sys
import time

from bench.figures import percentile
from bench.http_load import connections
from bench.scenarios import creating
from bench.scenarios.scenario import Row, Scenario, Sizes, run_command
from shared.runtime.settings import Worker
from tests.support.looking import rows
from tests.support.stacks import RunningStack

SLOTS: int = Worker.model_fields["slots"].default
WAY_SECONDS = 0.1
"""What a slot is taken for beside the handler: the way of a job to it, and of its report back."""
RESERVE = 1.2
"""For jobs do not come evenly, and a worker is replaced now and then."""
BATCHES_A_SECOND = 10

LATE = """
SELECT extract(epoch FROM executions.started_at - executions.due_at)::float8 AS late
FROM executions JOIN jobs ON jobs.id = executions.job_id WHERE jobs.name = $1
"""


def workers_for(rate: float, handler_seconds: float) -> int:
    """How many workers of `SLOTS` slots so many jobs a second need, by the time that each holds a slot."""
    return math.ceil(rate * (handler_seconds + WAY_SECONDS) * RESERVE / SLOTS)


def measure(stack: RunningStack, sizes: Sizes) -> list[Row]:
    """Each point with the workers of the rule and with one fewer."""
    points = zip(sizes["rate"], sizes["handler_ms"], strict=True)
    asked = [(rate, ms, workers_for(rate, ms / 1000)) for rate, ms in points]
    try:
        return [
            _one(stack, rate, ms, workers, sizes["seconds"])
            for rate, ms, most in asked
            for workers in (most, most - 1)
        ]
    finally:
        _only(stack, 1)


def _only(stack: RunningStack, workers: int) -> None:
    running = [n for n in range(1, 100) if stack.stack.pid(f"worker-{n}") is not None]
    for n in running[workers:]:
        stack.stack.stop(f"worker-{n}")
    for n in range(len(running) + 1, workers + 1):
        stack.stack.spawn(f"worker-{n}")


def _one(stack: RunningStack, rate: int, ms: int, workers: int, seconds: float) -> Row:
    _only(stack, workers)
    # A worker that has run a job is one that the others wait for no more.
    creating.create_batches(stack, workers * SLOTS, creating.job("warm-up"))
    creating.wait_drained(stack)
    name = f"sizing-{rate}-{ms}-{workers}"
    asyncio.run(_steadily(stack, rate, seconds, creating.job(name, payload={"sleepMs": ms})))
    created = time.time()
    creating.wait_drained(stack)
    _, ended = creating.ran(stack, name, round(rate * seconds))
    late = sorted(row["late"] * 1000 for row in rows(stack, LATE, name))
    return {
        "jobs/s": rate,
        "handler ms": ms,
        "workers": workers,
        "slots": workers * SLOTS,
        "by the rule": "yes" if workers == workers_for(rate, ms / 1000) else "one fewer",
        "began late p50 ms": round(percentile(late, 50), 1),
        "p99 ms": round(percentile(late, 99), 1),
        "behind at the end s": round(max(0.0, ended - created - ms / 1000), 2),
    }


async def _steadily(stack: RunningStack, rate: int, seconds: float, body: Row) -> None:
    one = json.dumps(body).encode()
    batch = b'{"jobs": [' + b",".join([one] * (rate // BATCHES_A_SECOND)) + b"]}"
    async with connections(stack.stack.plan.ports["job-1"], 1) as (connection,):
        began = time.monotonic()
        for n in range(round(seconds * BATCHES_A_SECOND)):
            await asyncio.sleep(max(0.0, began + n / BATCHES_A_SECOND - time.monotonic()))
            status, answer = await connection.post("/api/v1/jobs/batch", batch)
            if status != 201:
                raise RuntimeError(f"{status} {answer[:300]!r}")


SCENARIO = Scenario(
    name="sizing",
    title="As many workers as the rule says",
    says=(
        f"Jobs created steadily, ten batches a second, for workers of {SLOTS} slots: as many as the rule of "
        "[performance.md](performance.md) asks for, and one fewer. `behind at the end` is how long after the "
        "last create the last job ended, without its handler's own time."
    ),
    given=("jobs/s", "handler ms", "workers", "slots", "by the rule"),
    sizes={"rate": (110, 350), "handler_ms": (2_000, 300), "seconds": 20.0},
    quick={"rate": (150,), "handler_ms": (1_000,), "seconds": 5.0},
    measure=measure,
)

if __name__ == "__main__":
    sys.exit(run_command(SCENARIO))
