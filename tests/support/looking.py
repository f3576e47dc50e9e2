"""Looking at a stack's database from outside, where no loop runs."""

from collections.abc import Iterable
from typing import Any
from uuid import UUID

import asyncpg

from tests.support.databases import run_coroutine
from tests.support.stacks import RunningStack
from tests.support.waiting import wait_until

CONNECT_LIMIT_SECONDS = 5.0
STATEMENT_LIMIT_SECONDS = 10.0
LOOK_EVERY_SECONDS = 0.2

UNSETTLED = """
SELECT j.id, j.status, j.attempt, j.node, j.ready_at, j.version, d.dispatch_at, d.job_id IS NOT NULL AS is_due,
       i.scheduler, i.worker, i.look_at, i.topic_partition, i.record_offset, p.committed, p.end_offset
FROM jobs AS j LEFT JOIN due AS d ON d.job_id = j.id LEFT JOIN inflight AS i ON i.job_id = j.id
LEFT JOIN topic_positions AS p ON p.topic_partition = i.topic_partition
WHERE j.id = ANY ($1) AND (j.status IN ('CREATED', 'SCHEDULED', 'RUNNING', 'WAITING')
                           OR (j.status = 'FAILED' AND j.next_attempt_at IS NOT NULL))
"""
"""Jobs that are not settled, with all that says why."""


def rows(stack: RunningStack, sql: str, *arguments: Any) -> list[asyncpg.Record]:
    """What one statement answers."""

    async def look() -> list[asyncpg.Record]:
        raw = await asyncpg.connect(
            stack.stack.plan.database_url,
            timeout=CONNECT_LIMIT_SECONDS,
            command_timeout=STATEMENT_LIMIT_SECONDS,
        )
        try:
            return await raw.fetch(sql, *arguments)
        finally:
            raw.terminate()

    return run_coroutine(look())


def count(stack: RunningStack, sql: str, *arguments: Any) -> int:
    """The one number that a statement answers."""
    return int(rows(stack, sql, *arguments)[0][0])


def in_state(stack: RunningStack, status: str) -> int:
    """How many jobs are in a state."""
    return count(stack, "SELECT count(*) FROM jobs WHERE status = $1", status)


def wait_all_settled(stack: RunningStack, ids: Iterable[UUID], *, within: float) -> None:
    """Wait until all of these jobs are settled; the test fails with those that are not."""
    ids = list(ids)
    left: list[asyncpg.Record] = []

    def settled() -> bool:
        left[:] = rows(stack, UNSETTLED, ids)
        return not left

    try:
        wait_until(settled, within=within, every=LOOK_EVERY_SECONDS, what="all jobs to settle")
    finally:
        for row in left[:20]:
            print("unsettled:", dict(row))
        if left:
            print("unsettled in all:", len(left))
