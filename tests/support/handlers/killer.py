"""KILLER: kills the worker that runs it."""

import os
import signal

from pydantic import BaseModel

from worker_service.handler_api import Context, job_type


class Payload(BaseModel):
    """Nothing."""


@job_type("KILLER", payload=Payload)
async def run(payload: Payload, context: Context) -> None:
    """Kill this process at once."""
    os.kill(os.getpid(), signal.SIGKILL)
