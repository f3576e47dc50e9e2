"""What one job costs, in counts that do not depend on how fast the machine is.

    python -m bench.count_per_job [--write]

Two runs. The operations of job_service are driven along the happy path on a PostgreSQL of the script's own, in
batches of several sizes: statements and round trips are read off the wire, bytes of WAL are asked of PostgreSQL
(with full_page_writes off: how many full pages WAL holds depends on the time between checkpoints). Then a whole
stack runs jobs, and the records on the topic are counted. `--write` puts the tables into docs/counts.md.
"""

import argparse
import asyncio
import sys
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlsplit, urlunsplit

from bench.wire import HOST, Wire
from job_service.postgres.migrate import migrate
from tests.support.by_hand import records_on_topic
from tests.support.components import postgres_server
from tests.support.databases import execute, fresh_database
from tests.support.job_service import AHEAD, Service, end_of, new_job, open_service, start_of
from tests.support.marked_text import with_part
from tests.support.source_files import ROOT
from tests.support.stacks import running_stack

PAGE: Path = ROOT / "docs" / "counts.md"
PART = "counts"

ROUNDS = {1: 40, 10: 20, 100: 8, 200: 4}
"""Measured rounds for each size of a batch; one more goes before, unmeasured, to warm up."""
STEPS_OF = 100
"""The size of the batches whose steps are shown one by one."""
SLOTS = 1_000
STACK_JOBS = 500
STACK_LIMIT_SECONDS = 60.0
WAL = "SELECT (pg_current_wal_insert_lsn() - '0/0'::pg_lsn)::int8"


@dataclass
class Cost:
    """Of one step, or of several: absolute numbers."""

    requests: int = 0
    statements: int = 0
    round_trips: int = 0
    wal_bytes: int = 0

    def add(self, other: "Cost") -> None:
        """Sum up."""
        for name, value in vars(other).items():
            setattr(self, name, getattr(self, name) + value)


@dataclass
class Measured:
    """Batches of one size: what their steps cost in all rounds together."""

    jobs: int
    steps: dict[str, Cost] = field(default_factory=dict)

    def whole(self) -> Cost:
        """All steps together."""
        total = Cost()
        for step in self.steps.values():
            total.add(step)
        return total


class HappyPath:
    """From create to SUCCESS: of jobs that are due when they are created, or (`held`) of jobs that are leased
    ahead and wait in a worker until they are due."""

    def __init__(self, service: Service, wire: Wire, *, held: bool) -> None:
        self._service = service
        self._wire = wire
        self._in_seconds = AHEAD if held else None

    async def measure(self, size: int, rounds: int) -> Measured:
        """Drive `rounds` batches of `size` jobs."""
        self._scheduler = await self._service.scheduler()
        self._worker = await self._service.worker(slots=SLOTS, hold_slots=SLOTS)
        await self._batch(Measured(size), size)
        measured = Measured(size * rounds)
        for _ in range(rounds):
            await self._batch(measured, size)
        return measured

    async def _batch(self, into: Measured, size: int) -> None:
        service = self._service
        jobs = [new_job(in_seconds=self._in_seconds) for _ in range(size)]
        async with self._step("create", into, requests=size):
            for job in jobs:
                await service.operations.create.create([job])
        async with self._step("claim", into):
            claimed = await service.claim(self._scheduler, limit=size)
        if len(claimed) != size:
            raise RuntimeError(f"claimed {len(claimed)} of {size}")
        async with self._step("lease", into):
            leases = await service.lease(self._worker, claimed)
        if self._in_seconds is not None:
            async with self._step("start", into):
                await service.report(self._worker, starts=[start_of(x) for x in leases])
        async with self._step("end", into):
            await service.report(self._worker, ends=[end_of(x) for x in leases])

    @asynccontextmanager
    async def _step(self, name: str, into: Measured, *, requests: int = 1) -> AsyncIterator[None]:
        wal: int = await self._service.raw.fetchval(WAL)
        statements, round_trips = self._wire.statements, self._wire.round_trips
        yield
        cost = Cost(
            requests=requests,
            statements=self._wire.statements - statements,
            round_trips=self._wire.round_trips - round_trips,
        )
        cost.wal_bytes = await self._service.raw.fetchval(WAL) - wal
        into.steps.setdefault(name, Cost()).add(cost)


async def count_work(
    url: str, rounds: Mapping[int, int] = ROUNDS
) -> dict[str, dict[int, Measured]]:
    """Both happy paths, for each size of a batch with so many rounds."""
    address = urlsplit(url)
    found: dict[str, dict[int, Measured]] = {}
    async with Wire(
        upstream_host=address.hostname or HOST, upstream_port=address.port or 5432
    ) as wire:
        user = address.netloc.rpartition("@")[0]
        through = urlunsplit(address._replace(netloc=f"{user}@{HOST}:{wire.port}"))
        async with open_service(through, pool_size=2) as service:
            for name, held in (("due at create", False), ("held until due", True)):
                path = HappyPath(service, wire, held=held)
                found[name] = {n: await path.measure(n, times) for n, times in rounds.items()}
    return found


def count_records() -> float:
    """Records on the topic for each job that a whole stack runs."""
    with running_stack(workers=2) as stack:
        jobs = stack.create_many(STACK_JOBS, payload={"sleepMs": 0})
        stack.wait_settled(jobs, within=STACK_LIMIT_SECONDS)
        return records_on_topic(stack) / len(jobs)


def tables(found: dict[str, dict[int, Measured]], records: float) -> str:
    """Markdown."""
    lines: list[str] = []
    for name, sizes in found.items():
        lines += [f"### {name[0].upper()}{name[1:]}", ""]
        lines += _table(
            "jobs in a batch", {f"{n:,}": (m.whole(), m.jobs) for n, m in sizes.items()}
        )
        steps = sizes[STEPS_OF]
        lines += ["", f"Its steps, with {STEPS_OF} jobs in a batch:", ""]
        lines += _table("step", {step: (cost, steps.jobs) for step, cost in steps.steps.items()})
        lines.append("")
    lines.append(
        f"Records on the topic for each job: {records:.3f} ({STACK_JOBS} jobs on a whole stack)."
    )
    return "\n".join(lines) + "\n"


def _table(first: str, rows: dict[str, tuple[Cost, int]]) -> list[str]:
    head = f"| {first} | requests | statements | round trips to PostgreSQL | bytes of WAL |"
    return [head, "|---|---:|---:|---:|---:|"] + [
        f"| {name} | {cost.requests / jobs:.3f} | {cost.statements / jobs:.3f} | "
        f"{cost.round_trips / jobs:.3f} | {cost.wal_bytes / jobs:,.0f} |"
        for name, (cost, jobs) in rows.items()
    ]


def main() -> int:
    """The command."""
    parser = argparse.ArgumentParser(prog="bench.count_per_job", description="What one job costs.")
    parser.add_argument("--write", action="store_true", help="into docs/counts.md")
    asked = parser.parse_args()
    with postgres_server() as server:
        execute(server, "ALTER SYSTEM SET full_page_writes = off")
        execute(server, "SELECT pg_reload_conf()")
        with fresh_database(server) as url:
            migrate(url)
            found = asyncio.run(count_work(url))
    text = tables(found, count_records())
    print(text)
    if asked.write:
        PAGE.write_text(with_part(PAGE.read_text(), PART, text))
    return 0


if __name__ == "__main__":
    sys.exit(main())
