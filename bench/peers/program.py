"""A peer that is a program of `bench/peers/programs`: its workers, a client that creates, and a store."""

import json
import os
import subprocess
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from signal import SIGTERM
from typing import Any
from uuid import UUID

import asyncpg

from bench import cpu
from bench.figures import CLIENT, Throughput
from bench.peers.peer import LATE
from bench.peers.stores import Store
from punctual.local.processes import Daemon
from tests.support.components import state_directory
from tests.support.databases import run_coroutine
from tests.support.sink import listening_sink

ROOT = Path(__file__).parents[2]
DONE_LIMIT_SECONDS = 240.0
LATE_LIMIT_SECONDS = 60.0
LOOK_SECONDS = 0.02
STOP_SECONDS = 15.0
WARM_UP_JOBS = 200

IsOpen = Callable[[Mapping[str, Store]], bool]
"""Whether the stores show a job that is not done."""


def open_in_postgres(sql: str) -> IsOpen:
    """The statement answers true while a job is not done."""

    async def ask(url: str) -> bool:
        raw = await asyncpg.connect(url)
        try:
            return bool(await raw.fetchval(sql))
        finally:
            await raw.close()

    return lambda stores: run_coroutine(ask(stores["postgres"].url))


@dataclass(frozen=True)
class ProgramPeer:
    """See `Peer`. `build` answers the words that start the program (raising Missing); `workers` holds the
    arguments of each process of `work`; `stores` make what it needs, by role.
    """

    name: str
    promises: str
    measures: frozenset[str]
    versions: str
    build: Callable[[], Sequence[str]]
    stores: Sequence[Callable[[Path], AbstractContextManager[Store]]]
    is_open: IsOpen
    workers: Sequence[Sequence[str]] = field(default=((),))
    work: Callable[[], Sequence[str]] | None = None
    """The words that start a worker, where it is not `PROGRAM work`."""
    share: float = 1.0
    best: bool = True
    warm_up: int = WARM_UP_JOBS
    """Jobs that are run in the first way before anything is measured."""
    settings: Mapping[str, str] = field(default_factory=dict)
    """For the program's environment."""

    def prepare(self) -> str:
        """See `Peer`."""
        self.build()
        return self.versions

    @contextmanager
    def running(self) -> Iterator["RunningProgram"]:
        """See `Peer`."""
        with state_directory() as root, _all_of(self.stores, root) as stores:
            program = RunningProgram(self, root, stores)
            try:
                program.start()
                yield program
            finally:
                program.stop()


@contextmanager
def _all_of(
    makers: Sequence[Callable[[Path], AbstractContextManager[Store]]], root: Path
) -> Iterator[dict[str, Store]]:
    if not makers:
        yield {}
        return
    with makers[0](root) as store, _all_of(makers[1:], root) as others:
        yield {store.role: store, **others}


class RunningProgram:
    """See `Running`."""

    def __init__(self, peer: ProgramPeer, root: Path, stores: Mapping[str, Store]) -> None:
        self._peer = peer
        self._root = root
        self._stores = stores
        self._words = list(peer.build())
        self._daemons = [Daemon(root, f"worker-{n}") for n, _ in enumerate(peer.workers, 1)]
        addresses = {"postgres": "BENCH_DATABASE_URL", "redis": "BENCH_REDIS_URL"}
        self._env = {**os.environ, **peer.settings}
        self._env |= {addresses[role]: store.url for role, store in stores.items()}

    def start(self) -> None:
        """Prepare the stores, start the workers, and run a few jobs so that all of it is warm."""
        self._call("prepare")
        work = list(self._peer.work()) if self._peer.work else [*self._words, "work"]
        for daemon, arguments in zip(self._daemons, self._peer.workers, strict=True):
            daemon.start([*work, *arguments], env=self._env, cwd=ROOT)
        for n, way in enumerate(sorted(self._peer.measures - {LATE})):
            self.run(WARM_UP_JOBS if n else self._peer.warm_up, way)

    def stop(self) -> None:
        """End the workers."""
        for daemon in self._daemons:
            daemon.send(SIGTERM)
        for daemon in self._daemons:
            daemon.stop(SIGTERM, limit_seconds=STOP_SECONDS)

    def run(self, jobs: int, way: str) -> Throughput:
        """See `Running`."""
        used = self._cpu()
        told = self._call("create", "--jobs", str(jobs), "--way", way)
        self._wait_done()
        done = time.time()
        costs = {role: seconds - used[role] for role, seconds in self._cpu().items()}
        costs[CLIENT] = told["cpu"]
        return Throughput(
            jobs=jobs,
            created=told["ended"] - told["began"],
            done=done - told["began"],
            cpu_us={role: seconds / jobs * 1e6 for role, seconds in costs.items()},
        )

    def late(self, jobs: int, rate: float, ahead: float) -> Sequence[float]:
        """See `Running`."""
        with listening_sink() as sink:
            words = ["--jobs", str(jobs), "--rate", f"{rate:g}", "--ahead", f"{ahead:g}"]
            told = self._call("late", *words, "--sink", str(sink.port))
            due = {UUID(job): moment for job, moment in told["due"].items()}
            deadline = time.monotonic() + LATE_LIMIT_SECONDS
            while len(sink.told()) < jobs and time.monotonic() < deadline:
                time.sleep(LOOK_SECONDS)
            began = {said.job: said.received_at for said in sink.told()}
            if len(sink.told()) != jobs or began.keys() != due.keys():
                raise RuntimeError(f"{len(sink.told())} starts of {jobs} jobs\n{self._logs()}")
        return sorted((began[job] - moment) * 1000 for job, moment in due.items())

    def _wait_done(self) -> None:
        deadline = time.monotonic() + DONE_LIMIT_SECONDS
        while self._peer.is_open(self._stores):
            if time.monotonic() > deadline:
                raise RuntimeError(f"{self._peer.name} did not end its jobs\n{self._logs()}")
            if any(daemon.pid() is None for daemon in self._daemons):
                raise RuntimeError(f"a worker of {self._peer.name} ended\n{self._logs()}")
            time.sleep(LOOK_SECONDS)

    def _call(self, *arguments: str) -> dict[str, Any]:
        """Run the program to its end; what it printed."""
        done = subprocess.run(
            [*self._words, *arguments],
            env=self._env,
            cwd=ROOT,
            capture_output=True,
            text=True,
            timeout=DONE_LIMIT_SECONDS,
        )
        if done.returncode:
            raise RuntimeError(f"{self._peer.name} {arguments}: {done.stderr[-2000:]}")
        found: dict[str, Any] = json.loads(done.stdout) if done.stdout.strip() else {}
        return found

    def _cpu(self) -> dict[str, float]:
        pids = [pid for daemon in self._daemons if (pid := daemon.pid()) is not None]
        found = {role: store.cpu_seconds() for role, store in self._stores.items()}
        return {**found, "worker": sum(cpu.of_tree(pid) for pid in pids)}

    def _logs(self) -> str:
        return "\n".join(daemon.log_tail() for daemon in self._daemons)
