"""Punctual itself, behind the same calls as its peers."""

import asyncio
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from bench import lateness, throughput
from bench.figures import Throughput
from bench.peers.building import call
from bench.peers.peer import BATCH, LATE, SINGLE
from punctual.local.kafka_jars import KAFKA_VERSION
from punctual.local.postgres_binaries import find_binaries
from tests.support.sink import listening_sink
from tests.support.stacks import RunningStack, running_stack

NAME = "Punctual"
WARM_UP_JOBS = 10_000
"""The JVM of Kafka compiles what is called often."""
ROOT = Path(__file__).parents[2]


class Punctual:
    """One job_service, one scheduler, one worker, at their defaults."""

    name = NAME
    promises = (
        "A row per job, per attempt and per change of state in PostgreSQL; attempts are leased and fenced, "
        "a job whose worker died runs again after the TTL of 10 s, and a result is accepted once."
    )
    measures = frozenset({BATCH, SINGLE, LATE})
    share = 1.0
    best = True

    def prepare(self) -> str:
        """See `Peer`."""
        commit = call(["git", "rev-parse", "--short", "HEAD"], cwd=ROOT).strip()
        postgres = call([find_binaries() / "postgres", "--version"], cwd=ROOT).split()[2]
        return f"commit {commit}, PostgreSQL {postgres}, Apache Kafka {KAFKA_VERSION}"

    @contextmanager
    def running(self) -> Iterator["RunningPunctual"]:
        """See `Peer`."""
        with running_stack(workers=1, env=throughput.BEST) as stack:
            running = RunningPunctual(stack)
            running.run(WARM_UP_JOBS, BATCH)
            running.run(throughput.WARM_UP_JOBS, SINGLE)
            yield running


class RunningPunctual:
    """See `Running`."""

    def __init__(self, stack: RunningStack) -> None:
        self._stack = stack

    def run(self, jobs: int, way: str) -> Throughput:
        """See `Running`."""
        return asyncio.run(throughput.measure(self._stack, jobs, one_by_one=way == SINGLE))

    def late(self, jobs: int, rate: float, ahead: float) -> Sequence[float]:
        """See `Running`."""
        with listening_sink() as sink:
            found = lateness.measure(self._stack, sink, jobs=jobs, rate=rate, ahead=ahead)
            return found.by_sink
