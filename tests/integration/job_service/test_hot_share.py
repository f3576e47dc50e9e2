"""Transitions stay HOT: they touch no index of `jobs` (Show 10 of the core's issue, DESIGN section 5)."""

import asyncpg

from shared.contracts.leases import MAX_LEASE
from tests.support.job_service import end_of, open_service
from tests.support.waiting import until

JOBS = 2_000
TRANSITIONS_EACH = 3
"""Claimed, started, succeeded."""

HOT_SHARE = 0.95
UPDATES = """
SELECT n_tup_upd AS updated, n_tup_hot_upd AS hot FROM pg_stat_user_tables WHERE relname = 'jobs'
"""
UPDATED = "SELECT n_tup_upd FROM pg_stat_user_tables WHERE relname = 'jobs'"


async def test_transitions_of_jobs_are_hot(database_url: str) -> None:
    async with open_service(database_url) as service:
        scheduler, worker = await service.scheduler(), await service.worker(slots=JOBS)
        await service.create(JOBS)
        done = 0
        while done < JOBS:
            claimed = await service.claim(scheduler, limit=MAX_LEASE)
            leases = await service.lease(worker, claimed)
            await service.report(worker, ends=[end_of(lease) for lease in leases])
            done += len(leases)
    # A backend hands in its figures when it ends, and the pool is closed by now.
    raw = await asyncpg.connect(database_url)
    try:

        async def told() -> bool:
            return bool(await raw.fetchval(UPDATED) >= JOBS * TRANSITIONS_EACH)

        complete: bool = await until(told, what="the figures of the closed pool are in")
        assert complete
        row = await raw.fetchrow(UPDATES)
    finally:
        await raw.close()
    assert row is not None
    assert row["updated"] == JOBS * TRANSITIONS_EACH
    share = row["hot"] / row["updated"]
    assert share >= HOT_SHARE, f"{row['hot']} of {row['updated']} updates of jobs were HOT"
