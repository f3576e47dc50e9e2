"""The job type HTTP_CALL by itself: a context such as a worker gives, with a guard of the test's own."""

from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from ipaddress import ip_network
from typing import Any
from uuid import UUID

from pydantic import BaseModel

from shared.runtime.log import get
from worker_service.guarded_http.addresses import AddressGuard
from worker_service.handler_api import Context, GuardedHttp
from worker_service.handlers.http_call import http_call
from worker_service.handlers.http_call.payload import HttpCall

JOB = UUID("0198f3b2-7c1a-7000-8000-000000000001")
LOOPBACK = AddressGuard([ip_network("127.0.0.0/8")])


def context(
    http: GuardedHttp, *, attempt: int = 1, traceparent: str | None = None, job: UUID = JOB
) -> Context:
    """What a handler is told of an attempt."""
    return Context(
        job_id=job,
        attempt=attempt,
        execution_id=UUID(int=attempt),
        name="a call",
        due_at=datetime.now(UTC),
        failures=attempt - 1,
        log=get("test"),
        check=_never_stopped,
        deadline=datetime.now(UTC) + timedelta(seconds=60),
        traceparent=traceparent,
        http=http,
    )


async def call(
    payload: Mapping[str, Any],
    http: GuardedHttp | None = None,
    *,
    read: Callable[[Any], BaseModel] = HttpCall.model_validate,
    **told: Any,
) -> dict[str, Any]:
    """Run the handler with a payload; its result. Loopback is allowed unless `http` says otherwise."""
    made = context(http or GuardedHttp(LOOPBACK), **told)
    result: dict[str, Any] = await http_call.run(read(payload), made)
    return result


def _never_stopped() -> None:
    """Nobody cancels."""
