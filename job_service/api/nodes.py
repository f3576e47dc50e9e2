"""Public route on nodes."""

from typing import Any, Protocol

from fastapi import APIRouter, Response

from job_service.api.jobs import success
from job_service.api.models import public_node


class ReadNodes(Protocol):
    """Reads the nodes."""

    async def list(self) -> list[Any]: ...


def routes(nodes: ReadNodes) -> APIRouter:
    """The router."""
    router = APIRouter(prefix="/api/v1/nodes", tags=["nodes"])

    @router.get("", summary="Live and recently dead schedulers and workers")
    async def list_nodes() -> Response:
        return success("Nodes", [public_node(row) for row in await nodes.list()])

    return router
