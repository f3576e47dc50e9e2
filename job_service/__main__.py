"""`python -m job_service` serves; `python -m job_service migrate` brings the database up to date first."""

import asyncio
import sys

from job_service.app import serve
from job_service.duties.make_partitions import MakePartitions
from job_service.processes import Member, Processes
from job_service.settings import JobServiceSettings
from job_service.stores import make_stores
from shared.runtime import failpoints, log
from shared.runtime.serve import run
from shared.runtime.settings import SettingsProblem, load

USAGE = "usage: python -m job_service [serve | migrate]"


def _migrate(settings: JobServiceSettings) -> int:
    from job_service.postgres.migrate import (
        migrate,
    )  # Alembic: a third of a second that serving need not pay

    try:
        migrate(settings.database.url)
    except Exception as error:
        first_line = str(error).splitlines()[0] if str(error) else repr(error)
        print(f"job_service: cannot migrate: {first_line}", file=sys.stderr)
        return 2
    asyncio.run(_first_partitions(settings))
    return 0


def _serve(settings: JobServiceSettings) -> int:
    address = settings.job_service
    if address.processes == 1:
        return run(lambda: serve(settings))

    def as_child(member: Member) -> int:
        return run(lambda: serve(settings, member))

    try:
        return Processes(address.processes, as_child, host=address.host, port=address.port).run()
    except OSError as error:
        print(f"job_service: cannot listen on port {address.port}: {error}", file=sys.stderr)
        return 2


async def _first_partitions(settings: JobServiceSettings) -> None:
    stores = make_stores(settings)
    try:
        await MakePartitions(stores.partitions).run_once()
    finally:
        await stores.database.close()


def main(arguments: list[str]) -> int:
    """The process's exit code: 0 well, 2 could not do it."""
    verb = arguments[0] if arguments else "serve"
    if verb not in {"serve", "migrate"} or len(arguments) > 1:
        print(USAGE, file=sys.stderr)
        return 2
    try:
        settings = load(JobServiceSettings)
    except SettingsProblem as problem:
        print(f"job_service: {problem}", file=sys.stderr)
        return 2
    log.configure(settings.log, service="job_service")
    if verb == "migrate":
        return _migrate(settings)
    failpoints.arm(settings.test)
    return _serve(settings)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
