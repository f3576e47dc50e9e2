"""LOSER: makes its worker lose it, as a bug would: nothing waits for its end any more, and it never ends."""

import asyncio
import gc
from typing import Any

from pydantic import BaseModel, ConfigDict

from worker_service.handler_api import Context, job_type


class Payload(BaseModel):
    """Nothing."""

    model_config = ConfigDict(extra="forbid")


@job_type("LOSER", payload=Payload)
async def lose(payload: Payload, context: Context) -> None:
    """On the first attempt only: take the worker's own time limit away and wait for ever."""
    if context.attempt > 1:
        return
    run: Any = context.check.__self__  # type: ignore[attr-defined]

    def forget() -> None:
        # The main loop has set the timer by then: it hears of this call's beginning first.
        run.timer.cancel()

    mine = asyncio.get_running_loop()
    for loop in gc.get_objects():
        if isinstance(loop, asyncio.AbstractEventLoop) and loop is not mine and loop.is_running():
            loop.call_soon_threadsafe(forget)
    await asyncio.Event().wait()
