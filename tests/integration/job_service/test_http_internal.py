"""The internal routes over real HTTP: what a worker reads of other nodes' executions."""

import httpx

from job_service.app import make_app
from tests.support.job_service import Service


async def test_every_nodes_executions_come_newest_first_in_pages(service: Service) -> None:
    """A page ends with a cursor as long as there is more."""
    worker = await service.worker()
    scheduler = await service.scheduler()
    await service.create(5)
    claimed = await service.claim(scheduler)
    await service.lease(worker, claimed)
    app = make_app(service.stores, service.operations)
    transport = httpx.ASGITransport(app=app)
    seen: list[str] = []
    async with httpx.AsyncClient(transport=transport, base_url="http://job") as http:
        cursor: str | None = ""
        while cursor is not None:
            query = f"&cursor={cursor}" if cursor else ""
            reply = await http.get(f"/internal/v1/executions?limit=2{query}")
            data = reply.json()["data"]
            seen += [item["executionId"] for item in data["items"]]
            cursor = data["nextCursor"]
    assert len(seen) == len(set(seen)) == 5
    assert seen == sorted(seen, reverse=True)
