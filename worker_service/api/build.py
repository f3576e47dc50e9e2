"""The worker's ASGI application."""

from fastapi import FastAPI

from shared.api import documents
from shared.runtime.metrics import Metrics
from worker_service.api import executions, health
from worker_service.api.envelope import install
from worker_service.domain.execution_log import ExecutionLog


def build(
    *,
    log: ExecutionLog,
    read: executions.Read,
    away: health.Away,
    version: str,
    metrics: Metrics,
) -> FastAPI:
    """Put the routes together."""
    app = documents.make_app("Punctual worker", version, "What ran, here and on every node.")
    install(app)
    app.include_router(health.routes(away, version, metrics.render))
    app.include_router(executions.routes(log, read))

    app.add_middleware(metrics.timed)
    return app
