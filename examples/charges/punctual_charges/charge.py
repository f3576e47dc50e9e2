"""CHARGE: writes a charge into the shop's own database, once for each job."""

import os

import asyncpg
from pydantic import BaseModel, Field

from worker_service.handler_api import Context, job_type

INSERT = "INSERT INTO charges (customer, cents) VALUES ($1, $2)"


class Charge(BaseModel, extra="forbid"):
    """Whom, and how much."""

    customer: str = Field(max_length=100)
    cents: int = Field(ge=1, le=1_000_000)


@job_type("CHARGE", payload=Charge, timeout_seconds=30)
async def charge(payload: Charge, context: Context) -> object:
    """The result is that of the attempt which charged."""
    connection = await asyncpg.connect(os.environ["SHOP_DATABASE"], timeout=5)
    try:
        async with context.once(connection, "charge") as effect:
            if effect.fresh:
                await connection.execute(INSERT, payload.customer, payload.cents)
                effect.keep({"cents": payload.cents, "attempt": context.attempt})
    finally:
        await connection.close()
    return effect.result
