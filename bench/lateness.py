"""Lateness: how long after its due time a job's handler begins, by the clock of an outside sink.

    python -m bench.lateness --jobs 1000 --rate 50 [--ahead 1.5]

Starts a stack of its own, creates jobs one by one at a steady rate, each at least a second before it is due,
and prints percentiles with the facts of the machine. With `--ahead 0` jobs are due at once, and lateness is
counted from the answer to the create. The sink's line is the first thing that a handler does, so a figure holds
one TCP message on top of the product's own time. Sink and database share this machine's clock. Exit code 1 if a
handler began early, 2 if the machine was too busy to create jobs in time.
"""

import argparse
import asyncio
import json
import os
import platform
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from uuid import UUID

from bench.figures import percentile
from bench.http_load import Connection, connections
from tests.support.looking import rows, wait_all_settled
from tests.support.sink import Sink, listening_sink
from tests.support.stacks import RunningStack, running_stack

AHEAD_SECONDS = 1.5
LATEST_CREATE_SECONDS = 0.5
"""A job that was created so much less ahead than asked spoils the figures."""
CONNECTIONS = 32
WARM_UP_JOBS = 20
SETTLED_WITHIN_SECONDS = 30.0

REPORTED = """
SELECT extract(epoch FROM started_at - due_at) * 1000 AS late FROM executions WHERE job_id = ANY ($1)
"""


@dataclass(frozen=True)
class Lateness:
    """What was measured, in milliseconds, sorted. `by_sink`: receipt by the sink minus due time;
    `by_product`: the start that the worker reported minus due time. `ahead`: the shortest time between the
    answer to a create and the due time, in seconds.
    """

    rate: float
    by_sink: Sequence[float]
    by_product: Sequence[float]
    ahead: float

    def early(self) -> int:
        """Handlers that began before their due time, by the sink's clock."""
        return sum(late < 0 for late in self.by_sink)

    def lines(self) -> list[str]:
        """For a person."""
        head = f"{len(self.by_sink)} jobs at {self.rate:g}/s, created {self.ahead:.2f} s ahead at least"
        shown = [
            f"{name:<10} "
            + "  ".join(f"{label} {value:.2f} ms" for label, value in figures(values))
            for name, values in (("sink", self.by_sink), ("reported", self.by_product))
        ]
        return [head, *shown, f"early: {self.early()}"]


def figures(values: Sequence[float]) -> list[tuple[str, float]]:
    """Percentiles of sorted values, by nearest rank."""
    return [*((f"p{rank}", percentile(values, rank)) for rank in (50, 90, 99)), ("max", values[-1])]


def measure(
    stack: RunningStack,
    sink: Sink,
    *,
    jobs: int,
    rate: float,
    ahead: float = AHEAD_SECONDS,
    warm_up: int = WARM_UP_JOBS,
) -> Lateness:
    """Create `jobs` at `rate` a second, each due `ahead` seconds later, and wait until all have run; before
    them `warm_up` others that are not counted.

    Raises:
        RuntimeError: a job was refused, or began more or less than once.
    """
    create(stack, sink, jobs=warm_up, rate=rate, ahead=ahead)
    return collected(stack, sink, create(stack, sink, jobs=jobs, rate=rate, ahead=ahead))


@dataclass(frozen=True)
class Created:
    """Jobs with their due times (seconds since 1970; of a job that is due at once, when its create was
    answered), at which rate they were created, and the shortest time in seconds that one was ahead."""

    rate: float
    due: Mapping[UUID, float]
    ahead: float


def collected(stack: RunningStack, sink: Sink, created: Created) -> Lateness:
    """Wait until all have run; how late they were.

    Raises:
        RuntimeError: one began more or less than once.
    """
    due = created.due
    latest = max(due.values(), default=0.0)
    wait_all_settled(stack, due, within=max(0.0, latest - time.time()) + SETTLED_WITHIN_SECONDS)
    by_sink = sorted(
        (told.received_at - due[told.job]) * 1000 for told in sink.told() if told.job in due
    )
    if len(by_sink) != len(due):
        raise RuntimeError(f"{len(by_sink)} starts of {len(due)} jobs")
    by_product = sorted(float(row["late"]) for row in rows(stack, REPORTED, list(due)))
    return Lateness(created.rate, by_sink, by_product, created.ahead)


def create(
    stack: RunningStack, sink: Sink, *, jobs: int, rate: float, ahead: float, **fields: Any
) -> Created:
    """Create them at that rate, with more `fields` than the payload.

    Raises:
        RuntimeError: one was refused.
    """
    due: dict[UUID, float] = {}
    aheads = [ahead]
    body = {"name": "bench", "jobType": "SINK", "payload": {"port": sink.port}, **fields}

    async def one(free: asyncio.Queue[Connection]) -> None:
        connection = await free.get()
        # To the microsecond, as PostgreSQL keeps it.
        moment = round(time.time() + ahead, 6)
        at = datetime.fromtimestamp(moment, UTC).isoformat(timespec="microseconds")
        asked = {**body, "scheduledTime": at} if ahead else body
        status, answer = await connection.post("/api/v1/jobs", json.dumps(asked).encode())
        if status != 201:
            raise RuntimeError(f"{status} {answer[:300]!r}")
        aheads.append(moment - time.time())
        due[UUID(json.loads(answer)["data"]["jobId"])] = moment if ahead else time.time()
        free.put_nowait(connection)

    async def all_of_them() -> None:
        async with connections(stack.stack.plan.ports["job-1"], CONNECTIONS) as opened:
            free: asyncio.Queue[Connection] = asyncio.Queue()
            for connection in opened:
                free.put_nowait(connection)
            began = time.time()
            async with asyncio.TaskGroup() as group:
                for n in range(jobs):
                    await asyncio.sleep(max(0.0, began + n / rate - time.time()))
                    group.create_task(one(free))

    asyncio.run(all_of_them())
    return Created(rate, due, min(aheads))


def machine() -> dict[str, Any]:
    """What the figures depend on."""
    cpu = next(
        (line for line in Path("/proc/cpuinfo").read_text().splitlines() if "model name" in line),
        "unknown",
    )
    return {
        "cpu": cpu.partition(":")[2].strip() or cpu,
        "cores": os.cpu_count(),
        "kernel": platform.release(),
        "python": platform.python_version(),
        "load_1min": round(os.getloadavg()[0], 2),
    }


def main() -> int:
    """The command."""
    parser = argparse.ArgumentParser(
        prog="bench.lateness", description="Lateness by an outside sink."
    )
    parser.add_argument("--jobs", type=int, default=1_000)
    parser.add_argument("--rate", type=float, default=50.0, help="jobs a second")
    parser.add_argument("--ahead", type=float, default=AHEAD_SECONDS, help="seconds; 0: at once")
    parser.add_argument("--json", action="store_true")
    asked = parser.parse_args()
    facts = machine()
    with running_stack(workers=1) as stack, listening_sink() as sink:
        found = measure(stack, sink, jobs=asked.jobs, rate=asked.rate, ahead=asked.ahead)
    if asked.json:
        row = {"jobs": asked.jobs, "rate": asked.rate, "early": found.early(), "machine": facts}
        row |= {f"{label}_ms": round(value, 3) for label, value in figures(found.by_sink)}
        print(json.dumps(row))
    else:
        print("\n".join([*found.lines(), f"machine: {facts}"]))
    if asked.ahead and found.ahead < asked.ahead - LATEST_CREATE_SECONDS:
        print(f"too busy: a job was created {found.ahead:.2f} s ahead", file=sys.stderr)
        return 2
    return 1 if found.early() and asked.ahead else 0


if __name__ == "__main__":
    sys.exit(main())
