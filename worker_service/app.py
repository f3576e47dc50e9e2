"""One worker process: the engine, the Kafka consumer that feeds it, the HTTP API that shows it.

Threads: the main one (uvloop: Kafka, calls, API, wheel), `session` (renewals), `handlers` (async
handlers), and as many as needed for blocking handlers.
"""

import asyncio
import socket
from collections.abc import Mapping
from importlib.metadata import PackageNotFoundError
from importlib.metadata import version as version_of

from shared.kernel.clock import monotonic
from shared.runtime.log import get
from shared.runtime.serve import HttpServer, Stop
from worker_service.api.build import build
from worker_service.clients.job_service import JobServiceClient
from worker_service.engine import Engine
from worker_service.handler_api import JobType
from worker_service.kafka.consumer import DispatchConsumer
from worker_service.settings import WorkerSettings


def version() -> str:
    """The installed version of Punctual."""
    try:
        return version_of("punctual")
    except PackageNotFoundError:
        return "unknown"


class WorkerApp:
    """Made on the running main loop; `run` returns after a drain."""

    def __init__(self, settings: WorkerSettings, types: Mapping[str, JobType]) -> None:
        self._settings = settings
        self._stop = Stop()
        self._calls = JobServiceClient(settings.job_service)
        self._engine = Engine(
            settings, types, self._calls, address=self._address, version=version()
        )
        self._consumer = DispatchConsumer(
            settings.kafka, self._engine.book, self._engine.records, now=monotonic
        )
        self._engine.measured.metrics.watch(self._consumer.loops())
        self._engine.membership.on_drain.append(self._drain)
        self._server = HttpServer(
            build(
                log=self._engine.log,
                read=self._calls.read,
                away=self._away,
                version=version(),
                metrics=self._engine.measured.metrics,
            ),
            host=settings.worker.host,
            port=settings.worker.port,
        )

    async def run(self) -> None:
        """Serve until asked to stop, then drain.

        Raises:
            OSError: the HTTP address cannot be bound.
        """
        self._stop.listen()
        await self._server.start()
        self._engine.lanes.open()
        async with asyncio.TaskGroup() as group:
            loops = [group.create_task(loop.run()) for loop in self._engine.loops()]
            consuming = [group.create_task(loop.run()) for loop in self._consumer.loops()]

            async def stop_consuming() -> None:
                await _end(consuming)
                await self._consumer.stop()

            await self._stop.wait()
            await self._engine.drain(stop_consuming).run()
            await _end(loops)
        await self._server.stop()
        self._engine.lanes.close()
        await self._calls.close()
        get(__name__).info("ended in good order")

    def _drain(self) -> None:
        """As on a first SIGTERM, however often it is told."""
        if not self._stop.asked():
            get(__name__).info("asked to drain by job_service")
            self._stop.begin()

    def _address(self) -> str:
        worker = self._settings.worker
        everywhere = worker.host in ("0.0.0.0", "::")  # noqa: S104 - asked, not bound
        host = socket.gethostname() if everywhere else worker.host
        return f"http://{host}:{self._server.port}"

    def _away(self) -> list[str]:
        missing = []
        if not self._engine.membership.may_start():
            missing.append("a valid session with job_service")
        if not self._consumer.started():
            missing.append("the broker (no consumer in the group yet)")
        if self._engine.membership.draining:
            missing.append("this worker drains")
        return missing


async def _end(tasks: list[asyncio.Task[None]]) -> None:
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
