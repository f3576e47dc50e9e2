"""River (Go, PostgreSQL)."""

from collections.abc import Sequence
from pathlib import Path

from bench.peers.building import PROGRAMS, built, call
from bench.peers.peer import BATCH, LATE, SINGLE
from bench.peers.program import ProgramPeer, open_in_postgres
from bench.peers.stores import postgres

HOME = PROGRAMS / "river"
SOURCES = [HOME / "main.go", HOME / "go.mod", HOME / "go.sum"]
OPEN = """
SELECT EXISTS (SELECT FROM river_job WHERE state IN ('available', 'running', 'retryable', 'scheduled'))
"""
PROMISES = (
    "A row per job in PostgreSQL with its state now and the errors of failed attempts; no history of states; "
    "an end is guarded by the state, not by the attempt, and a job whose worker died runs again after an "
    "hour by default."
)
DEFAULTS: list[str] = []
BEST = ["--workers", "2000", "--cooldown", "2ms", "--poll", "20ms"]


def peers() -> list[ProgramPeer]:
    """At its defaults and at its best."""
    return [
        _peer("best: 2,000 workers, cooldown 2 ms, poll 20 ms", [BEST]),
        _peer("defaults: 2 × 100 workers", [DEFAULTS, DEFAULTS]),
    ]


def _peer(name: str, workers: Sequence[Sequence[str]]) -> ProgramPeer:
    return ProgramPeer(
        name=f"River, {name}",
        promises=PROMISES,
        measures=frozenset({BATCH, SINGLE, LATE}),
        versions=_versions(),
        build=lambda: [str(built("river", SOURCES, _build) / "river")],
        stores=[postgres],
        is_open=open_in_postgres(OPEN),
        workers=workers,
        best=BEST in workers,
    )


def _versions() -> str:
    required = (line.split() for line in SOURCES[1].read_text().splitlines())
    return next(f"river {line[1]}" for line in required if line[:1] == [RIVER])


RIVER = "github.com/riverqueue/river"


def _build(folder: Path) -> None:
    call(["go", "build", "-o", folder / "river", "."], cwd=HOME)
