"""job_service over real HTTP, on the loop of the test."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from job_service.app import make_app
from shared.runtime.serve import HttpServer
from tests.support.job_service import Service


@asynccontextmanager
async def serving(service: Service) -> AsyncIterator[int]:
    """The port on which it serves for as long as the block lasts."""
    app = make_app(service.stores, service.operations)
    server = HttpServer(app, host="127.0.0.1", port=0)
    await server.start()
    try:
        yield server.port
    finally:
        service.bells.due.close()
        service.bells.cancels.close()
        await server.stop()
