"""CHAOS_ONCE and CHAOS_AGAIN: each call inserts a row into a database of the handlers' own; through `once`, and
by the same statement without it.
"""

import asyncio
import os
import random
from typing import Any

import asyncpg
from pydantic import BaseModel, ConfigDict

from tests.chaos.harness.recording import note, note_start
from worker_service.handler_api import Context, job_type

CONNECT_LIMIT_SECONDS = 3.0
STATEMENT_LIMIT_SECONDS = 10.0
CONNECTIONS_MOST = 12
"""Of one process. PostgreSQL has 200 for all."""
INSERT = "INSERT INTO rows (job_id, attempt, how) VALUES ($1, $2, $3)"
_random = random.SystemRandom()
_free: asyncio.Semaphore | None = None


class Payload(BaseModel):
    """`ms`: how long to work, half of it after the row."""

    model_config = ConfigDict(extra="forbid")

    ms: int


async def _insert(context: Context, how: str) -> dict[str, Any]:
    """The row, on a connection of its own; what the job returns, which is of the attempt that inserted it."""
    global _free
    _free = _free or asyncio.Semaphore(CONNECTIONS_MOST)
    result = {"attempt": context.attempt, "nonce": _random.getrandbits(48)}
    async with _free:
        connection = await asyncpg.connect(
            os.environ["CHAOS_ROWS"],
            timeout=CONNECT_LIMIT_SECONDS,
            command_timeout=STATEMENT_LIMIT_SECONDS,
        )
        try:
            if how == "again":
                await connection.execute(INSERT, context.job_id, context.attempt, how)
                return result
            async with context.once(connection, "row") as effect:
                if effect.fresh:
                    await connection.execute(INSERT, context.job_id, context.attempt, how)
                    effect.keep(result)
            return dict(effect.result)
        finally:
            connection.terminate()


async def _run(payload: Payload, context: Context, how: str) -> dict[str, Any]:
    note_start(context)
    await asyncio.sleep(payload.ms / 2_000)
    result = await _insert(context, how)
    await asyncio.sleep(payload.ms / 2_000)
    note("end", context, outcome="SUCCESS", result=result)
    return result


@job_type("CHAOS_ONCE", payload=Payload, timeout_seconds=30)
async def insert_once(payload: Payload, context: Context) -> dict[str, Any]:
    """Through the ledger."""
    return await _run(payload, context, "once")


@job_type("CHAOS_AGAIN", payload=Payload, timeout_seconds=30)
async def insert_again(payload: Payload, context: Context) -> dict[str, Any]:
    """The control: nothing keeps a second attempt from inserting a second row."""
    return await _run(payload, context, "again")
