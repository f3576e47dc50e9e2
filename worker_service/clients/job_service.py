"""Calls to job_service, each kind over connections of its own: a long-poll stands in nobody's
way.
"""

import asyncio
from uuid import UUID

import httpx

from shared.contracts.leases import LeaseReply, LeaseRequest, ReleaseReply, ReleaseRequest
from shared.contracts.nodes import (
    AskCancels,
    Cancels,
    Compare,
    Holdings,
    Leave,
    Left,
    Registered,
    RegisterNode,
)
from shared.contracts.progress import TellProgress, Told
from shared.contracts.reports import ParkReply, ParkRequest, ReportReply, ReportRequest
from shared.runtime.http_client import InternalClient, NoAnswer
from shared.runtime.settings import JobServiceAddress

NODES = "/internal/v1/nodes"


class JobServiceClient:
    """Implements `operations.ports.JobService`, and the reads that the API passes on."""

    def __init__(self, address: JobServiceAddress) -> None:
        def client() -> InternalClient:
            return InternalClient(address.url, timeout_seconds=address.request_timeout)

        self._leases = client()
        self._releases = client()
        self._reports = client()
        self._progress = client()
        self._parked = client()
        self._nodes = client()
        self._cancels = client()
        self._limit = address.request_timeout
        self._reads = httpx.AsyncClient(
            base_url=address.url, timeout=address.request_timeout, trust_env=False
        )

    async def register(self, request: RegisterNode) -> Registered:
        """Say that this node is there."""
        return await self._nodes.call(NODES, request, Registered)

    async def lease(self, request: LeaseRequest) -> LeaseReply:
        """Ask for attempts, or decline them."""
        return await self._leases.call("/internal/v1/leases", request, LeaseReply)

    async def release(self, request: ReleaseRequest) -> ReleaseReply:
        """Give attempts back."""
        return await self._releases.call("/internal/v1/releases", request, ReleaseReply)

    async def report(self, request: ReportRequest) -> ReportReply:
        """Tell starts and ends."""
        return await self._reports.call("/internal/v1/reports", request, ReportReply)

    async def tell_progress(self, request: TellProgress) -> Told:
        """Tell how far handlers are and what they log."""
        return await self._progress.call("/internal/v1/progress", request, Told)

    async def park(self, request: ParkRequest) -> ParkReply:
        """Put records away that are no dispatches."""
        return await self._parked.call("/internal/v1/parked", request, ParkReply)

    async def compare(self, node: UUID) -> Holdings:
        """Ask what the database says that this node holds."""
        return await self._nodes.call(f"{NODES}/{node}/compare", Compare(), Holdings)

    async def cancels(self, node: UUID, request: AskCancels) -> Cancels:
        """Wait for attempts to cancel."""
        path = f"{NODES}/{node}/cancels"
        return await self._cancels.call(path, request, Cancels, extra_seconds=request.wait_seconds)

    async def leave(self, node: UUID) -> Left:
        """End the session in good order."""
        return await self._nodes.call(f"{NODES}/{node}/leave", Leave(), Left)

    async def read(self, path: str) -> tuple[int, bytes]:
        """GET a public or internal resource: status and body.

        Raises:
            NoAnswer: none came within the limit.
        """
        try:
            async with asyncio.timeout(self._limit):
                response = await self._reads.get(path)
        except (TimeoutError, httpx.HTTPError, OSError) as error:
            raise NoAnswer(f"{path}: {error!r}") from error
        return response.status_code, response.content

    async def close(self) -> None:
        """Close all connections."""
        for client in (
            self._leases,
            self._releases,
            self._reports,
            self._progress,
            self._parked,
            self._nodes,
            self._cancels,
        ):
            await client.close()
        await self._reads.aclose()
