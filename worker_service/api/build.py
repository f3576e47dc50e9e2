"""The worker's ASGI application."""

from fastapi import FastAPI
from fastapi.openapi.docs import get_swagger_ui_html
from fastapi.responses import HTMLResponse

from worker_service.api import executions, health
from worker_service.api.envelope import install
from worker_service.domain.execution_log import ExecutionLog


def build(*, log: ExecutionLog, read: executions.Read, away: health.Away, version: str) -> FastAPI:
    """Put the routes together."""
    app = FastAPI(title="Punctual worker", version=version, redoc_url=None)
    install(app)
    app.include_router(health.routes(away, version))
    app.include_router(executions.routes(log, read))

    @app.get("/swagger-ui.html", include_in_schema=False)
    async def swagger() -> HTMLResponse:
        return get_swagger_ui_html(openapi_url="/openapi.json", title=app.title)

    return app
