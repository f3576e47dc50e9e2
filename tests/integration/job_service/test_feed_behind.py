"""A feed that is behind reads a batch for each batch, whatever the statistics make of what follows its cursor.

They tell how many rows have a later transaction than the cursor's, and not how many of the same follow it.
Where that was much (a restored dump, a copy), a parallel plan looked cheaper than the order of the index: it
read all that was left, and sorted it, for each batch.
"""

from datetime import timedelta
from uuid import UUID

import asyncpg

from job_service.domain.days import Day
from job_service.postgres import feed
from job_service.postgres.partitions import TABLES, Partitions
from tests.support.copied_jobs import copy_jobs
from tests.support.job_service import new_job, open_service
from tests.support.plans import PlanLog

AT_ONCE, LATER = 150_000, 400
BATCH, ROUNDS = 1_000, 3
PAGES = 25
"""For each row of a batch, at most: itself, its version before, its job."""

SOURCE = "SELECT id FROM jobs LIMIT 200"
MOST = "SELECT xid FROM job_history GROUP BY xid ORDER BY count(*) DESC LIMIT 1"


async def test_a_batch_costs_what_it_holds(database_url: str) -> None:
    log = PlanLog()
    raw = await asyncpg.connect(database_url)
    async with open_service(database_url) as service:
        await _make_days(Partitions(service.stores.database))
        await service.operations.create.create([new_job(in_seconds=90_000) for _ in range(200)])
    for copies, days in ((AT_ONCE, 0.02), (LATER // 2, 0.001), (LATER // 2, 0.0001)):
        await copy_jobs(raw, copies, of=SOURCE, days=days)
    place = (await raw.fetchval(MOST), UUID(int=0), 0)
    await log.switch_on(raw, plan_cache_mode="auto")
    await raw.close()
    async with open_service(database_url) as service:
        await log.listen(service.stores.database)
        for _ in range(ROUNDS):
            rows = await service.stores.feed.read(place, BATCH)
            assert len(rows) == BATCH
            place = rows[-1].place
    plans = [plan for plan in log.take() if plan.statement == feed.READ]
    assert len(plans) == ROUNDS
    dear = max(plans, key=lambda plan: plan.buffers)
    assert dear.buffers <= PAGES * BATCH, dear.outline()


async def _make_days(partitions: Partitions) -> None:
    """As the duty does: yesterday, and a few ahead."""
    today = await partitions.today()
    for table in TABLES:
        for ahead in range(-1, 4):
            await partitions.make(table, Day(today + timedelta(days=ahead)))
