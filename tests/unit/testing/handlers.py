"""A handler that charges once, in whatever database it is told of."""

from types import SimpleNamespace

from pydantic import BaseModel

from worker_service.handler_api import Context, job_type

told = SimpleNamespace(connect=None)


class Amount(BaseModel):
    """How much."""

    amount: int


@job_type("CHARGE", payload=Amount)
async def charge(payload: Amount, context: Context) -> object:
    """The result is that of the attempt which charged."""
    async with told.connect() as connection, context.once(connection, "charge") as effect:
        if effect.fresh:
            await connection.execute("INSERT INTO charges VALUES ($1)", payload.amount)
            effect.keep({"charged": payload.amount, "by": context.attempt})
    return effect.result
