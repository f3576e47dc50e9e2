"""Many jobs at once, by the real operation that creates them, on a stack's own database.

Job types are not looked up and no doorbell of the stack is rung: plant only what is due later than the
look-ahead.
"""

import json
from collections.abc import Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from job_service.domain.job import NewJob
from job_service.operations.create_jobs import CreateJobs
from job_service.operations.doorbell import Doorbell
from job_service.postgres.database import Database
from job_service.postgres.jobs import Jobs
from shared.runtime.settings import Database as DatabaseSettings
from tests.support.databases import run_coroutine
from tests.support.job_service import new_job
from tests.support.stacks import RunningStack

BATCH = 1_000
LOOKAHEAD_SECONDS = 2.0


def plant(
    stack: RunningStack, count: int, job_type: str, payload: Any, *, due_at: datetime, **fields: Any
) -> list[UUID]:
    """Create `count` jobs of one type with one payload and one due time, and further fields of `NewJob`;
    their ids."""
    jobs = [
        new_job(
            name=f"planted {n}",
            job_type=job_type,
            payload=json.dumps(payload),
            scheduled_time=due_at,
            **fields,
        )
        for n in range(count)
    ]
    run_coroutine(_create(stack.stack.plan.database_url, jobs))
    return [job.id for job in jobs]


async def _create(url: str, jobs: Sequence[NewJob]) -> None:
    database = Database(DatabaseSettings(url=url, pool_size=2))
    try:
        create = CreateJobs(Jobs(database, lookahead_seconds=LOOKAHEAD_SECONDS), Doorbell())
        for first in range(0, len(jobs), BATCH):
            made = await create.create(jobs[first : first + BATCH])
            assert all(isinstance(answer, tuple) and answer[1] for answer in made)
    finally:
        await database.close()
