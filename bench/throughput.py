"""Throughput: from the first create until every job is SUCCESS with its history committed.

    python -m bench.throughput [--jobs 20000] [--one-by-one] [--audit]

Starts a stack of its own and creates jobs that are due at once: in batches of 500 on four connections, or with
`--one-by-one` by a POST each on 64. Prints jobs a second and the CPU of each role for each job.
With `--audit` `punctual audit` then judges every job of the run, and the exit code is 1 unless it is clean.
"""

import argparse
import asyncio
import json
import sys
import time

import asyncpg

from bench import audit, cpu
from bench.figures import CLIENT, Throughput
from bench.http_load import Connection, connections
from bench.lateness import machine
from tests.support.stacks import RunningStack, running_stack

BATCH, BATCH_CONNECTIONS, SINGLE_CONNECTIONS = 500, 4, 64
WARM_UP_JOBS = 1_000
BEST = {"PUNCTUAL_WORKER__SLOTS": "2000"}
"""One worker that may run so many at once; with 100, its default, it waits for the way of each hundred."""
SETTLED_WITHIN_SECONDS = 600.0
SLOWEST_RATE = 500.0
"""Jobs a second: with so many that they take longer than those seconds, they may."""
LOOK_SECONDS = 0.02
OPEN = """
SELECT EXISTS (
    SELECT FROM unnest('{0, 1, 2, 3, 4}'::smallint[]) AS bands (band) CROSS JOIN LATERAL (
        SELECT dispatch_at FROM due WHERE job_type = 'DUMMY' AND due.band = bands.band
        ORDER BY dispatch_at LIMIT 1) AS next
    WHERE next.dispatch_at < now() + interval '1 hour'
) OR EXISTS (SELECT FROM inflight)
"""
"""Whether something is due soon or under way: the first of each band, as millions may be due much later."""
DONE = "SELECT count(*) FROM jobs WHERE status = 'SUCCESS'"
JOB = {"name": "bench", "jobType": "DUMMY", "payload": {"sleepMs": 0}}


async def measure(stack: RunningStack, jobs: int, *, one_by_one: bool) -> Throughput:
    """Create and run so many jobs.

    Raises:
        RuntimeError: a job was refused, or ended otherwise than in SUCCESS.
    """
    plan = stack.stack.plan
    raw = await asyncpg.connect(plan.database_url)
    try:
        before = await raw.fetchval(DONE)
        used = cpu.by_role(stack.stack)
        began, own = time.perf_counter(), time.process_time()
        await _create(plan.ports["job-1"], jobs, one_by_one=one_by_one)
        created, own = time.perf_counter() - began, time.process_time() - own
        await _settled(raw, max(SETTLED_WITHIN_SECONDS, jobs / SLOWEST_RATE))
        done = time.perf_counter() - began
        after = cpu.by_role(stack.stack)
        succeeded = await raw.fetchval(DONE) - before
    finally:
        await raw.close()
    if succeeded != jobs:
        raise RuntimeError(f"{succeeded} of {jobs} jobs are SUCCESS")
    costs = {role: (seconds - used[role]) / jobs * 1e6 for role, seconds in after.items()}
    return Throughput(jobs, created, done, {**costs, CLIENT: own / jobs * 1e6})


async def _settled(raw: asyncpg.Connection, within_seconds: float) -> None:
    async with asyncio.timeout(within_seconds):
        while await raw.fetchval(OPEN):  # noqa: ASYNC110 - PostgreSQL tells nobody
            await asyncio.sleep(LOOK_SECONDS)


async def _create(port: int, jobs: int, *, one_by_one: bool) -> None:
    size = 1 if one_by_one else BATCH
    sizes = [min(size, jobs - first) for first in range(0, jobs, size)]
    body = json.dumps(JOB).encode()

    async def client(connection: Connection) -> None:
        while sizes:
            count = sizes.pop()
            if one_by_one:
                status, answer = await connection.post("/api/v1/jobs", body)
            else:
                batch = b'{"jobs": [' + b",".join([body] * count) + b"]}"
                status, answer = await connection.post("/api/v1/jobs/batch", batch)
            if status != 201:
                raise RuntimeError(f"{status} {answer[:300]!r}")

    count = SINGLE_CONNECTIONS if one_by_one else BATCH_CONNECTIONS
    async with connections(port, count) as opened, asyncio.TaskGroup() as group:
        for connection in opened:
            group.create_task(client(connection))


def main() -> int:
    """The command."""
    parser = argparse.ArgumentParser(prog="bench.throughput")
    parser.add_argument("--jobs", type=int, default=20_000)
    parser.add_argument("--one-by-one", action="store_true")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--audit", action="store_true", help="judge every job afterwards")
    asked = parser.parse_args()
    facts = machine()
    with running_stack(workers=1, env=BEST) as stack:
        asyncio.run(measure(stack, WARM_UP_JOBS, one_by_one=asked.one_by_one))
        for _ in range(asked.rounds):
            found = asyncio.run(measure(stack, asked.jobs, one_by_one=asked.one_by_one))
            costs = "  ".join(f"{role} {us:.0f}" for role, us in sorted(found.cpu_us.items()))
            print(
                f"{found.jobs} jobs: created {found.jobs / found.created:,.0f}/s, done "
                f"{found.jobs / found.done:,.0f}/s; CPU us per job: {costs}, "
                f"all but the client {found.product_us() + found.store_us():.0f}",
                flush=True,
            )
        clean = not asked.audit or _is_clean(stack)
    print(f"machine: {facts}")
    return 0 if clean else 1


def _is_clean(stack: RunningStack) -> bool:
    """What the command `punctual audit` says of the whole run."""
    found = audit.measure(stack.stack.plan.database_url)
    print(f"audit {'clean' if found.code == 0 else 'NOT CLEAN'}: {found}")
    return found.code == 0


if __name__ == "__main__":
    sys.exit(main())
