"""Procrastinate (Python, PostgreSQL)."""

from collections.abc import Sequence

from bench.peers.peer import BATCH, LATE, SINGLE
from bench.peers.program import ProgramPeer, open_in_postgres
from bench.peers.python_env import python_env, version
from bench.peers.stores import postgres

OPEN = "SELECT EXISTS (SELECT FROM procrastinate_jobs WHERE status IN ('todo', 'doing'))"
PROMISES = (
    "A row per job and one per event of it, in PostgreSQL; a job whose worker died stays `doing` until "
    "somebody retries it."
)


DEFAULT_POLL = "5"


def peers() -> list[ProgramPeer]:
    """At its best settings, and at its defaults for lateness."""
    return [
        _peer("best", "30", "0.05", frozenset({BATCH, SINGLE, LATE})),
        _peer("defaults", "1", DEFAULT_POLL, frozenset({LATE})),
    ]


def _program() -> Sequence[str]:
    return [str(python_env().python), "-m", "bench.peers.programs.procrastinate_program"]


def _peer(name: str, concurrency: str, poll: str, measures: frozenset[str]) -> ProgramPeer:
    return ProgramPeer(
        name=f"Procrastinate, {name}: concurrency {concurrency}, poll {poll} s",
        promises=PROMISES,
        measures=measures,
        versions=version("procrastinate"),
        build=_program,
        stores=[postgres],
        is_open=open_in_postgres(OPEN),
        share=0.1,
        best=poll != DEFAULT_POLL,
        settings={"BENCH_CONCURRENCY": concurrency, "BENCH_POLL": poll},
    )
