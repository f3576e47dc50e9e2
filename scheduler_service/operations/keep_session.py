"""Be a live node: register, beat, and register anew as another node when job_service says this one
is dead."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from typing import Protocol
from uuid import UUID

from shared.contracts.nodes import Registered, RegisterNode
from shared.contracts.states import NodeRole
from shared.kernel.clock import DatabaseClock, MonotonicClock, monotonic
from shared.runtime.log import get
from shared.runtime.session import Session


class Renewal(Protocol):
    """The thread that renews a session."""

    def start(self) -> None:
        """Begin to renew."""

    def stop(self) -> None:
        """Renew no more."""


class KeepSession:
    """`on_begin` and `on_end` are called when a node's life begins, and when it was declared
    dead."""

    def __init__(
        self,
        *,
        register: Callable[[RegisterNode], Awaitable[Registered]],
        renewal: Callable[[Session], Renewal],
        new_node_id: Callable[[], UUID],
        address: Callable[[], str],
        version: str,
        clock: DatabaseClock,
        on_begin: Callable[[Session], None],
        on_end: Callable[[], None],
        now: MonotonicClock = monotonic,
    ) -> None:
        self._register = register
        self._renewal_of = renewal
        self._new_node_id = new_node_id
        self._address = address
        self._version = version
        self._clock = clock
        self._on_begin = on_begin
        self._on_end = on_end
        self._now = now
        self._node = new_node_id()
        self._session: Session | None = None
        self._renewal: Renewal | None = None
        self._log = get(__name__)

    @property
    def session(self) -> Session | None:
        """The session of the node that this process is now; None while it is none."""
        return self._session

    async def run_once(self) -> Mapping[str, int]:
        """Beat; or, without a live node, become one.

        Raises:
            CallFailed: job_service did not answer the registration. The next try names the same
            node.
        """
        if self._session is not None and not self._session.dead():
            self._session.beat()
            return {"beats": 1}
        if self._session is not None:
            self._log.warning("node declared dead; registering anew", node=self._session.node)
            self._session = None
            self._on_end()
            self._node = self._new_node_id()
            await self.stop_renewing()
        await self._begin()
        return {"registered": int(self._session is not None)}

    async def stop_renewing(self) -> None:
        """End the renewals; the session lapses unless the node leaves."""
        if self._renewal is not None:
            renewal, self._renewal = self._renewal, None
            await asyncio.to_thread(renewal.stop)

    async def _begin(self) -> None:
        asked_at = self._now()
        reply = await self._register(
            RegisterNode(
                node=self._node,
                role=NodeRole.SCHEDULER,
                address=self._address(),
                version=self._version,
            )
        )
        self._clock.heard(reply.now, asked_at=asked_at)
        if not reply.live:
            self._node = self._new_node_id()
            return
        session = Session(
            str(self._node), registered_at=asked_at, ttl_seconds=reply.ttl_seconds, now=self._now
        )
        self._session = session
        self._renewal = self._renewal_of(session)
        self._renewal.start()
        self._on_begin(session)
        self._log.info("registered", node=session.node, ttl_seconds=reply.ttl_seconds)
