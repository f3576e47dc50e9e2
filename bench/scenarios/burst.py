"""Many jobs that are due in the same second, and how the API answers meanwhile."""

import asyncio
import json
import sys
import time

from bench.figures import percentile
from bench.http_load import Connection, connections
from bench.scenarios import creating
from bench.scenarios.scenario import Row, Scenario, Sizes, run_command
from tests.support.looking import rows
from tests.support.stacks import RunningStack
from tests.support.waiting import wait_until

NAME = "burst"
DRAINED_WITHIN_SECONDS = 1_800.0
CLIENTS = 8


def measure(stack: RunningStack, sizes: Sizes) -> list[Row]:
    """Create them ahead, then ask the API at a steady rate from the due time until all are done."""
    jobs, ahead = sizes["jobs"], sizes["ahead"]
    quiet = asyncio.run(_probe(stack, sizes["rate"], time.time() + sizes["quiet"], wait=False))
    due = time.time() + ahead
    creating.create_batches(stack, jobs, creating.job(NAME, scheduledTime=creating.at(due)))
    if time.time() > due:
        raise RuntimeError(f"{jobs} jobs were not created within {ahead} s: ask for more --ahead")
    wait_until(lambda: time.time() >= due, within=ahead + 1, what="the jobs to be due")
    busy = asyncio.run(_probe(stack, sizes["rate"], due + DRAINED_WITHIN_SECONDS, wait=True))
    began, ended = creating.ran(stack, NAME, jobs)
    return [
        {
            "due in one second": jobs,
            "first began after s": round(began - due, 3),
            "drained/s": round(jobs / (ended - due)),
            **_figures("quiet", quiet),
            **_figures("meanwhile", busy),
        }
    ]


def _figures(when: str, answers: list[float]) -> Row:
    return {f"API p{rank} ms {when}": round(percentile(answers, rank), 1) for rank in (50, 99)}


async def _probe(stack: RunningStack, rate: float, until: float, *, wait: bool) -> list[float]:
    """Create single jobs at that rate; milliseconds of each answer, sorted. Ends at `until`, or with `wait` as
    soon as nothing is open but its own.

    Raises:
        RuntimeError: a create was refused.
    """
    answers: list[float] = []
    body = json.dumps(creating.job("probe")).encode()

    async def one(free: asyncio.Queue[Connection], asked_at: float) -> None:
        # From when it was to be asked: a client that waits for a connection waits too.
        connection = await free.get()
        status, answer = await connection.post("/api/v1/jobs", body)
        answers.append((time.time() - asked_at) * 1000)
        if status != 201:
            raise RuntimeError(f"{status} {answer[:300]!r}")
        free.put_nowait(connection)

    async with connections(stack.stack.plan.ports["job-1"], CLIENTS) as opened:
        free: asyncio.Queue[Connection] = asyncio.Queue()
        for connection in opened:
            free.put_nowait(connection)
        async with asyncio.TaskGroup() as group:
            while time.time() < until and not (wait and await asyncio.to_thread(_drained, stack)):
                for _ in range(max(1, round(rate))):
                    group.create_task(one(free, time.time()))
                    await asyncio.sleep(1 / rate)
    return sorted(answers)


def _drained(stack: RunningStack) -> bool:
    return not rows(stack, OPEN, NAME)[0]["open"]


OPEN = """
SELECT EXISTS (SELECT FROM due JOIN jobs ON jobs.id = due.job_id WHERE jobs.name = $1)
    OR EXISTS (SELECT FROM inflight JOIN jobs ON jobs.id = inflight.job_id WHERE jobs.name = $1) AS open
"""

SCENARIO = Scenario(
    name="burst",
    title="Many jobs due in one second",
    says=(
        "Jobs that do nothing, all due at one moment, with one worker; meanwhile single jobs are created at a "
        "steady rate, and their answers are timed, as they were before while nothing else ran."
    ),
    given=("due in one second",),
    sizes={"jobs": 1_000_000, "ahead": 600.0, "rate": 20.0, "quiet": 10.0},
    quick={"jobs": 5_000, "ahead": 4.0, "rate": 20.0, "quiet": 2.0},
    measure=measure,
)

if __name__ == "__main__":
    sys.exit(run_command(SCENARIO))
