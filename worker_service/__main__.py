"""`python -m worker_service`: exit 0 after a drain, 1 when the start failed, 2 when settings are
wrong.
"""

import logging
import os
import sys

from shared.runtime import failpoints
from shared.runtime.log import configure
from shared.runtime.serve import run
from shared.runtime.settings import SettingsProblem, load
from worker_service.app import WorkerApp
from worker_service.discovery import DiscoveryProblem, directories, discover
from worker_service.settings import WorkerSettings


def main() -> int:
    """Start a worker and stay until it was asked to end."""
    try:
        settings = load(WorkerSettings)
        configure(settings.log, service="worker")
        types = discover(directories(settings.worker.handlers))
    except (SettingsProblem, DiscoveryProblem) as problem:
        print(problem, file=sys.stderr)
        return 2

    failpoints.arm(settings.test)

    async def serve() -> None:
        await WorkerApp(settings, types).run()
        leave(0)

    try:
        return run(serve)
    except OSError as problem:
        print(problem, file=sys.stderr)
        return 1


def leave(code: int) -> None:
    """End without waiting for threads and tasks: a handler that will not stop, or a client of the
    broker that hangs while it closes, must not hold the process.
    """
    logging.shutdown()
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(code)


if __name__ == "__main__":
    try:
        status = main()
    except SystemExit as ended:
        status = ended.code if isinstance(ended.code, int) else 1
    leave(status)
