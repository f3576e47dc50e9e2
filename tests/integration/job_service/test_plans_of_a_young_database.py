"""A claim looks up the jobs that it takes, also by a plan that was made when there were none.

A connection keeps a generic plan until somebody analyzes a table of it: for the first minute at least.
A crowded database is judged in test_plans.py.
"""

import asyncpg

from job_service.postgres import claims
from tests.support.job_service import new_job, open_service
from tests.support.plans import PlanLog

JOBS, CLAIMED = 3_000, 100
ROWS_EACH, ROWS_MORE = 25, 500


async def test_a_claim_does_not_walk_through_the_jobs(database_url: str) -> None:
    log = PlanLog()
    raw = await asyncpg.connect(database_url)
    await log.switch_on(raw, plan_cache_mode="force_generic_plan")
    await raw.close()
    async with open_service(database_url) as service:
        scheduler = await service.scheduler()
        await service.worker(slots=CLAIMED, hold_slots=CLAIMED)
        await log.listen(service.stores.database)
        assert await service.claim(scheduler, limit=CLAIMED) == []
        await service.operations.create.create([new_job() for _ in range(JOBS)])
        log.take()
        assert len(await service.claim(scheduler, limit=CLAIMED)) == CLAIMED
    (plan,) = [plan for plan in log.take() if plan.statement == claims.CLAIM]
    assert plan.rows <= ROWS_MORE + ROWS_EACH * CLAIMED, plan.outline()
