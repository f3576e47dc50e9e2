"""SINK: tells an outside process that it ran, over TCP, before it does anything else."""

import asyncio
import json
import socket
import threading
from typing import Any

from pydantic import BaseModel, ConfigDict

from worker_service.handler_api import Context, Fail, job_type

_sockets: dict[int, socket.socket] = {}
_lock = threading.Lock()


class Payload(BaseModel):
    """Where the sink listens, how long to work afterwards, whether to tell when that is cut short, and whether
    to fail once."""

    model_config = ConfigDict(extra="forbid")

    port: int
    sleep_ms: int = 0
    tell_cancel: bool = False
    fail_once: bool = False


def _tell(port: int, **said: Any) -> None:
    with _lock:
        if port not in _sockets:
            _sockets[port] = socket.create_connection(("127.0.0.1", port), timeout=5)
            _sockets[port].setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        _sockets[port].sendall(json.dumps(said).encode() + b"\n")


@job_type("SINK", payload=Payload)
async def run(payload: Payload, context: Context) -> None:
    """Tell, then sleep, then fail if it is to."""
    _tell(payload.port, job=str(context.job_id), attempt=context.attempt)
    try:
        await asyncio.sleep(payload.sleep_ms / 1000)
    except asyncio.CancelledError:
        if payload.tell_cancel:
            _tell(payload.port, job=str(context.job_id), attempt=context.attempt, cancelled=True)
        raise
    if payload.fail_once and context.failures == 0:
        raise Fail("as the test wants it")
