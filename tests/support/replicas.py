"""Replicas of job_service that ring each other over LISTEN and NOTIFY, as the running service does."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from functools import partial

from job_service.app import make_operations
from job_service.operations.change_by_client import Bells
from job_service.operations.doorbell import Doorbell
from job_service.postgres.database import Raw
from job_service.postgres.notifier import Notifier
from tests.support.job_service import Service, open_service
from tests.support.waiting import until

DUE, CANCELS = "punctual_due", "punctual_cancels"

_LISTENS = """
datname = current_database() AND state = 'idle' AND pid <> pg_backend_pid()
AND (query LIKE 'LISTEN%punctual_cancels%' OR query LIKE '%pg_notify%')
"""


@asynccontextmanager
async def replica(url: str) -> AsyncIterator[Service]:
    """A service that hears the others and is heard by them."""
    async with open_service(url) as service:
        notifier = Notifier(url, connect_timeout=5.0)
        bells = Bells(
            due=Doorbell(partial(notifier.rang, DUE)),
            cancels=Doorbell(partial(notifier.rang, CANCELS), everyone=True),
        )
        notifier.carry({DUE: bells.due, CANCELS: bells.cancels})
        before = await listeners(service.raw)
        carrying = asyncio.create_task(notifier.run())

        async def listens() -> bool:
            return await listeners(service.raw) > before

        try:
            heard: bool = await until(listens, what="the replica listens")
            assert heard
            operations = make_operations(service.settings, service.stores, bells)
            yield replace(service, bells=bells, operations=operations)
        finally:
            carrying.cancel()
            await asyncio.gather(carrying, return_exceptions=True)


async def listeners(raw: Raw) -> int:
    """How many connections of replicas listen to everything."""
    count: int = await raw.fetchval(f"SELECT count(*) FROM pg_stat_activity WHERE {_LISTENS}")
    return count


async def cut_off(raw: Raw) -> int:
    """Kill every connection that listens; how many."""
    count: int = await raw.fetchval(
        f"SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity WHERE {_LISTENS}"
    )
    return count
