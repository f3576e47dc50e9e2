"""TELLER: says how far it is and what it does, and then takes its time."""

import asyncio

from pydantic import BaseModel, ConfigDict

from worker_service.handler_api import Context, job_type


class Payload(BaseModel):
    """How long to take."""

    model_config = ConfigDict(extra="forbid")

    seconds: float


@job_type("TELLER", payload=Payload)
async def run(payload: Payload, context: Context) -> None:
    """Tell, then wait."""
    context.log.info("three parts are done")
    context.progress(3, 10, "parts")
    await asyncio.sleep(payload.seconds)
