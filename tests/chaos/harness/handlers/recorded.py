"""CHAOS, CHAOS_PASSES and CHAOS_BLOCKING: each call records its start, its effect and its end, in that order.

The records go to a file of the process's own in the directory that `CHAOS_RECORDS` names, on the disk before
the handler goes on. The effect is one HTTP request to the sink, with the fencing token and a key that is the
same on every attempt.
"""

import asyncio
import http.client
import random
import time
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict

from tests.chaos.harness.recording import note, note_start
from worker_service.handler_api import Context, Fail, Snooze, job_type

SINK_LIMIT_SECONDS = 5.0
_random = random.SystemRandom()


class Payload(BaseModel):
    """`ms`: how long to work, half of it before the effect. `path`: of the sink, `none` for no effect at all.
    `how`: how the call ends."""

    model_config = ConfigDict(extra="forbid")

    sink: int
    ms: int
    path: Literal["fenced", "bare", "none"]
    how: Literal["ok", "fail-first", "fail", "snooze-first"] = "ok"


def _tell(payload: Payload, context: Context) -> int:
    """The effect; the sink's answer."""
    sink = http.client.HTTPConnection("127.0.0.1", payload.sink, timeout=SINK_LIMIT_SECONDS)
    headers = {
        "Fencing-Token": context.token,
        "Idempotency-Key": context.idempotency_key("effect"),
    }
    try:
        sink.request("POST", f"/{payload.path}/{context.job_id}/{context.attempt}", headers=headers)
        return sink.getresponse().status
    finally:
        sink.close()


def _end(payload: Payload, context: Context) -> dict[str, Any]:
    """Record how it ends, then end like that."""
    if payload.how == "fail" or (payload.how == "fail-first" and context.failures == 0):
        note("end", context, outcome="FAILED")
        raise Fail("asked to fail")
    if payload.how == "snooze-first" and context.attempt == 1:
        note("end", context, outcome="SNOOZED")
        raise Snooze(1.0)
    result = {"attempt": context.attempt, "nonce": _random.getrandbits(48)}
    note("end", context, outcome="SUCCESS", result=result)
    return result


async def _run(payload: Payload, context: Context) -> dict[str, Any]:
    """On the handlers' loop."""
    note_start(context)
    try:
        await asyncio.sleep(payload.ms / 2_000)
        if payload.path != "none":
            note("effect", context, status=await asyncio.to_thread(_tell, payload, context))
        await asyncio.sleep(payload.ms / 2_000)
    except asyncio.CancelledError:
        note("cut", context)
        raise
    return _end(payload, context)


run = job_type("CHAOS", payload=Payload, timeout_seconds=120)(_run)
run_and_pass = job_type("CHAOS_PASSES", payload=Payload, timeout_seconds=120, passes_key=True)(_run)


@job_type("CHAOS_BLOCKING", payload=Payload, timeout_seconds=120)
def run_blocking(payload: Payload, context: Context) -> dict[str, Any]:
    """In a thread, deaf to every cancel: what its worker reports late must be refused."""
    note_start(context)
    time.sleep(payload.ms / 2_000)
    note("effect", context, status=_tell(payload, context))
    time.sleep(payload.ms / 2_000)
    return _end(payload, context)
