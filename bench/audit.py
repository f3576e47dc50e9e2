"""How long an audit takes and how much memory, over a small and a large history of every kind.

    python -m bench.audit [--rows 1000000]

A PostgreSQL of the script's own is filled with jobs that the product made, copied many times; then the
command `punctual audit` runs as a process of its own, its standard error on a terminal, and is measured from
outside. Exit code 1 if the large one found anything, took longer than 60 s or more than 150 MB, or showed no
progress.
"""

import argparse
import asyncio
import json
import logging
import os
import platform
import pty
import subprocess
import sys
import tempfile
import threading
import time
from dataclasses import dataclass
from pathlib import Path

import asyncpg
import structlog

from job_service.postgres.migrate import migrate
from shared.runtime.settings import LeaseTimes
from tests.support.components import postgres_server
from tests.support.copied_jobs import copy_jobs, make_days
from tests.support.databases import fresh_database
from tests.support.given import Actors
from tests.support.histories import make_every_kind
from tests.support.job_service import open_service

PUNCTUAL = Path(sys.executable).parent / "punctual"
SMALL = 10
"""The small history is that many times smaller than the large one."""
MOST_SECONDS = 60.0
MOST_MEGABYTES = 150.0
ROWS = "SELECT count(*) FROM job_history"


@dataclass(frozen=True)
class Measured:
    """One audit: of how many rows of history and jobs, with its peak of resident memory."""

    code: int
    rows: int
    jobs: int
    seconds: float
    megabytes: float
    progress: bool

    def __str__(self) -> str:
        return (
            f"rows={self.rows} jobs={self.jobs} seconds={self.seconds:.1f} "
            f"rows/s={self.rows / self.seconds:.0f} peak_rss={self.megabytes:.0f}MB "
            f"progress={'shown' if self.progress else 'no'} exit={self.code}"
        )

    def good(self) -> bool:
        """Within what issue 5 asks for."""
        within = self.seconds <= MOST_SECONDS and self.megabytes <= MOST_MEGABYTES
        return self.code == 0 and within and self.progress


async def fill(url: str, rows: int) -> int:
    """Make or add jobs until there are at least that many rows; how many there are."""
    async with open_service(url, lease=LeaseTimes(ttl=600.0, scheduler_ttl=600.0)) as service:
        there: int = await service.raw.fetchval(ROWS)
        if there == 0:
            await make_days(service.stores.database)
            actors = Actors(service, await service.scheduler(), await service.worker())
            await make_every_kind(actors)
            there = await service.raw.fetchval(ROWS)
        jobs: int = await service.raw.fetchval("SELECT count(DISTINCT job_id) FROM job_history")
        raw = await asyncpg.connect(url)
        try:
            # Copies of copies are the same mixture again.
            await copy_jobs(raw, -(-(rows - there) * jobs // there) + jobs)
            await service.end_amnesty()
            return int(await raw.fetchval(ROWS))
        finally:
            await raw.close()


def measure(url: str) -> Measured:
    """Run the command and watch it."""
    terminal, its_end = pty.openpty()
    heard = bytearray()
    listener = threading.Thread(target=_listen, args=(terminal, heard))
    listener.start()
    with tempfile.TemporaryFile() as out:
        began = time.monotonic()
        words = [str(PUNCTUAL), "audit", "--database", url, "--json"]
        process = subprocess.Popen(words, stdout=out, stderr=its_end)
        os.close(its_end)
        _, status, usage = os.wait4(process.pid, 0)
        seconds = time.monotonic() - began
        out.seek(0)
        answer = json.load(out)
    listener.join()
    os.close(terminal)
    if not answer.get("ok"):
        print(json.dumps(answer, indent=2)[:4_000], file=sys.stderr)
    return Measured(
        code=os.waitstatus_to_exitcode(status),
        rows=answer.get("rows", 0),
        jobs=answer.get("jobs", 0),
        seconds=seconds,
        megabytes=usage.ru_maxrss / 1024,
        progress=b"rows of history" in heard,
    )


def _listen(terminal: int, heard: bytearray) -> None:
    """Until nobody writes to the terminal any more."""
    while True:
        try:
            heard += os.read(terminal, 4096)
        except OSError:
            return


def main() -> int:
    """Measure both."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("--rows", type=int, default=1_000_000)
    rows = parser.parse_args().rows
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.ERROR))
    print(f"{platform.platform()}, {os.cpu_count()} cores, Python {platform.python_version()}")
    with postgres_server() as server, fresh_database(server) as url:
        migrate(url)
        for wanted in (rows // SMALL, rows):
            began = time.monotonic()
            there = asyncio.run(fill(url, wanted))
            print(f"filled with {there} rows in {time.monotonic() - began:.0f} s", flush=True)
            measured = measure(url)
            print(measured, flush=True)
    return 0 if measured.good() and measured.rows >= rows else 1


if __name__ == "__main__":
    sys.exit(main())
