"""The calls to job_service. Each long-poll has a client of its own: it stands in nobody's way."""

from uuid import UUID

from shared.contracts.claims import ClaimReply, ClaimRequest
from shared.contracts.events import EventsReply, EventsRequest
from shared.contracts.nodes import Leave, Left, Registered, RegisterNode
from shared.runtime.http_client import InternalClient
from shared.runtime.settings import JobServiceAddress

LEAVE_LIMIT_SECONDS = 0.8


class JobService:
    """Every call raises `NoAnswer` or `Refused` (shared/runtime/http_client.py)."""

    def __init__(self, settings: JobServiceAddress) -> None:
        self._sessions = InternalClient(settings.url, timeout_seconds=settings.request_timeout)
        self._claims = InternalClient(settings.url, timeout_seconds=settings.request_timeout)
        self._events = InternalClient(settings.url, timeout_seconds=settings.request_timeout)
        self._leaving = InternalClient(settings.url, timeout_seconds=LEAVE_LIMIT_SECONDS)

    async def register(self, node: RegisterNode) -> Registered:
        """Make the node known."""
        return await self._sessions.call("/internal/v1/nodes", node, Registered)

    async def claim(self, request: ClaimRequest) -> ClaimReply:
        """Take what is due; waits up to `request.wait_seconds` for the first job."""
        return await self._claims.call(
            "/internal/v1/claims", request, ClaimReply, extra_seconds=request.wait_seconds
        )

    async def events(self, request: EventsRequest) -> EventsReply:
        """The next events to publish; waits up to `request.wait_seconds` for the first."""
        return await self._events.call(
            "/internal/v1/events", request, EventsReply, extra_seconds=request.wait_seconds
        )

    async def leave(self, node: UUID) -> Left:
        """The node ends; what it still holds is armed again at once."""
        return await self._leaving.call(f"/internal/v1/nodes/{node}/leave", Leave(), Left)

    async def close(self) -> None:
        """Close all connections."""
        for client in (self._sessions, self._claims, self._events, self._leaving):
            await client.close()
