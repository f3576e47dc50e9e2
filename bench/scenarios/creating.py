"""Creating many jobs cheaply, and looking when the database says they ran."""

import asyncio
import json
import time
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from bench.http_load import Connection, connections
from bench.throughput import OPEN
from tests.support.looking import rows
from tests.support.stacks import RunningStack
from tests.support.waiting import wait_until

BATCH, CONNECTIONS = 500, 4
DRAINED_WITHIN_SECONDS = 1_800.0
LOOK_SECONDS = 0.2

RAN = """
SELECT count(*) AS jobs, extract(epoch FROM min(executions.started_at))::float8 AS began,
       extract(epoch FROM max(ended_at))::float8 AS ended
FROM executions JOIN jobs ON jobs.id = executions.job_id
WHERE jobs.name = $1 AND executions.status = 'SUCCESS'
"""


def job(name: str, **fields: Any) -> dict[str, Any]:
    """The body of a job that does nothing, unless `payload` says otherwise."""
    return {"name": name, "jobType": "DUMMY", "payload": {"sleepMs": 0}, **fields}


def at(moment: float) -> str:
    """A due time, of seconds since 1970."""
    return datetime.fromtimestamp(moment, UTC).isoformat(timespec="microseconds")


def create_batches(stack: RunningStack, count: int, body: Mapping[str, Any]) -> float:
    """Create `count` equal jobs; seconds that it took.

    Raises:
        RuntimeError: a batch was refused.
    """
    one = json.dumps(body).encode()
    sizes = [min(BATCH, count - first) for first in range(0, count, BATCH)]

    async def client(connection: Connection) -> None:
        while sizes:
            batch = b'{"jobs": [' + b",".join([one] * sizes.pop()) + b"]}"
            status, answer = await connection.post("/api/v1/jobs/batch", batch)
            if status != 201:
                raise RuntimeError(f"{status} {answer[:300]!r}")

    async def clients() -> None:
        port = stack.stack.plan.ports["job-1"]
        async with connections(port, CONNECTIONS) as opened, asyncio.TaskGroup() as group:
            for connection in opened:
                group.create_task(client(connection))

    began = time.perf_counter()
    asyncio.run(clients())
    return time.perf_counter() - began


def wait_drained(stack: RunningStack) -> None:
    """Until nothing is due or under way; jobs of the far future stay."""
    wait_until(
        lambda: not rows(stack, OPEN)[0][0],
        within=DRAINED_WITHIN_SECONDS,
        every=LOOK_SECONDS,
        what="the backlog to be drained",
    )


def ran(stack: RunningStack, name: str, count: int) -> tuple[float, float]:
    """When the first job of this name began and the last one ended, by the database: seconds since 1970.

    Raises:
        RuntimeError: not all of them are SUCCESS.
    """
    (found,) = rows(stack, RAN, name)
    if found["jobs"] != count:
        raise RuntimeError(f"{found['jobs']} of {count} jobs are SUCCESS")
    return found["began"], found["ended"]
