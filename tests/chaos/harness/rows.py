"""The handlers' own database: another one on the same server, behind the same door."""

import asyncpg

from tests.chaos.harness.journal import Journal
from tests.chaos.harness.world import ROWS_DATABASE, World
from tests.support.databases import at_database
from worker_service.effects.__main__ import ledger_sql

LIMIT_SECONDS = 60.0
TABLE = "CREATE TABLE rows (job_id uuid NOT NULL, attempt integer NOT NULL, how text NOT NULL)"


async def make_rows(world: World) -> None:
    """Make it, with the ledger. It must be there before the first such job is."""
    await _execute(world.postgres.url, f"CREATE DATABASE {ROWS_DATABASE}")
    await _execute(at_database(world.postgres.url, ROWS_DATABASE), f"{ledger_sql()};{TABLE}")


async def collect_rows(world: World) -> None:
    """Write what was inserted to `rows.jsonl` in the directory of records."""
    journal = Journal(world.records / "rows.jsonl")
    raw = await asyncpg.connect(
        at_database(world.postgres.url, ROWS_DATABASE), timeout=LIMIT_SECONDS
    )
    try:
        for row in await raw.fetch("SELECT * FROM rows", timeout=LIMIT_SECONDS):
            journal.note("row", job=str(row["job_id"]), attempt=row["attempt"], how=row["how"])
    finally:
        await raw.close()


async def _execute(url: str, sql: str) -> None:
    raw = await asyncpg.connect(url, timeout=LIMIT_SECONDS)
    try:
        await raw.execute(sql, timeout=LIMIT_SECONDS)
    finally:
        await raw.close()
