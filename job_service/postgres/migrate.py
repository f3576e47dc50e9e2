"""Bring a database to the newest schema. Run once before the services start; repeating it is harmless."""

import asyncio
from pathlib import Path

from alembic import command
from alembic.config import Config
from sqlalchemy import Connection, text
from sqlalchemy.ext.asyncio import create_async_engine

from job_service.postgres.address import driver_url
from job_service.postgres.seed_types import seed

LOCK_KEY = 0x70756E63
"""Advisory lock, so that replicas that migrate at the same time wait for each other."""

LOCK_TIMEOUT_MS = 5_000


def migrate(url: str) -> None:
    """Apply every migration that is missing, and make the shipped job types known.

    Raises:
        OSError or a driver's error: the database cannot be reached or refuses.
    """
    asyncio.run(_migrate(url))


async def _migrate(url: str) -> None:
    engine = create_async_engine(driver_url(url))
    try:
        async with engine.connect() as connection:
            await connection.execute(text(f"SELECT pg_advisory_lock({LOCK_KEY})"))
            await connection.execute(text(f"SET lock_timeout = {LOCK_TIMEOUT_MS}"))
            await connection.commit()
            await connection.run_sync(_upgrade)
            await connection.commit()
            fairy = await connection.get_raw_connection()
            if fairy.driver_connection is not None:
                await seed(fairy.driver_connection)
    finally:
        await engine.dispose()


def _upgrade(connection: Connection) -> None:
    config = Config()
    config.set_main_option("script_location", str(Path(__file__).parent / "migrations"))
    config.attributes["connection"] = connection
    command.upgrade(config, "head")
