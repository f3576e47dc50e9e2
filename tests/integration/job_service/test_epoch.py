"""The first part of the fencing token: a database that lost its last commits goes on under a higher one."""

import asyncio
import os
from pathlib import Path

import pytest

from job_service.postgres.migrate import migrate
from punctual.local.postgres import PostgresServer
from shared.contracts.leases import Lease
from tests.support.components import own_postgres
from tests.support.given import Actors
from tests.support.job_service import open_service

AHEAD_SECONDS = 50.0


async def test_a_lease_and_its_repeat_carry_the_epoch(actors: Actors) -> None:
    """R22: the timeline of the database."""
    service = actors.service
    timeline = await service.raw.fetchval("SELECT timeline_id FROM pg_control_checkpoint()")
    lease = await service.leased_one(actors.scheduler, actors.worker)
    (again,) = await service.lease(actors.worker, [lease])
    assert (lease.epoch, again.epoch) == (timeline, timeline)


@pytest.mark.timeout(90)
async def test_a_promotion_raises_the_epoch() -> None:
    """R22: so a token from before it is older than one of the same attempt after it."""
    with own_postgres() as server:
        await asyncio.to_thread(migrate, server.url)
        before = await _lease(server)
        server.stop()
        _end_recovery_on_a_new_timeline(server)
        server.start()
        after = await _lease(server)
    assert after.epoch == before.epoch + 1
    assert (before.epoch, before.attempt) < (after.epoch, after.attempt)


async def _lease(server: PostgresServer) -> Lease:
    async with open_service(server.url) as service:
        return await service.leased_one(await service.scheduler(), await service.worker())


def _end_recovery_on_a_new_timeline(server: PostgresServer) -> None:
    """The next start recovers like a standby, to the end of what it has, and promotes itself."""
    data: Path = server._data_dir()
    owner = data.stat()
    signal = data / "recovery.signal"
    signal.touch()
    os.chown(signal, owner.st_uid, owner.st_gid)
    with (data / "postgresql.auto.conf").open("a") as settings:
        settings.write("restore_command = 'false'\n")
