"""BLOCKER: a blocking handler in a thread that hears of no cancel. HANG: hangs the worker's main loop."""

import asyncio
import gc
import time

from pydantic import BaseModel, ConfigDict

from worker_service.handler_api import Context, job_type


class Payload(BaseModel):
    """How long to block."""

    model_config = ConfigDict(extra="forbid")

    seconds: float


@job_type("BLOCKER", payload=Payload)
def block(payload: Payload, context: Context) -> dict[str, float]:
    """Block."""
    time.sleep(payload.seconds)
    return {"blocked": payload.seconds}


@job_type("HANG", payload=Payload)
async def hang(payload: Payload, context: Context) -> None:
    """Hang every other event loop of this process, on the first attempt only."""
    if context.attempt > 1:
        return
    mine = asyncio.get_running_loop()
    for loop in gc.get_objects():
        if isinstance(loop, asyncio.AbstractEventLoop) and loop is not mine and loop.is_running():
            loop.call_soon_threadsafe(time.sleep, payload.seconds)
    await asyncio.sleep(payload.seconds)
