"""How many requests are in work at once: more are refused at once, and never queue without end.

Internal calls have an allowance of their own, so that a crowd of clients keeps no lease and no renewal waiting;
probes are let through.
"""

from starlette.types import ASGIApp, Receive, Scope, Send

from job_service.api.body_limit import is_internal
from job_service.api.problems import refuse
from job_service.operations.lane import public_work
from shared.runtime.settings import Limits

PROBES = frozenset({"/livez", "/readyz", "/metrics", "/version"})


class Admission:
    """Counts requests in work, those of clients and those of schedulers and workers."""

    def __init__(self, app: ASGIApp, *, limits: Limits) -> None:
        self._app = app
        self._most = {True: limits.internal_requests, False: limits.public_requests}
        self.in_work = {True: 0, False: 0}
        """Of internal calls, and of others."""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request, or refuse it."""
        if scope["type"] != "http" or scope["path"] in PROBES:
            await self._app(scope, receive, send)
            return
        internal = is_internal(scope["path"])
        if self.in_work[internal] >= self._most[internal]:
            await refuse(
                scope,
                send,
                status=503 if internal else 429,
                slug="overloaded",
                title="Too many requests at once",
                message="Too many requests are in work; repeat this one after Retry-After seconds.",
            )
            return
        self.in_work[internal] += 1
        marked = public_work.set(not internal)
        try:
            await self._app(scope, receive, send)
        finally:
            public_work.reset(marked)
            self.in_work[internal] -= 1
