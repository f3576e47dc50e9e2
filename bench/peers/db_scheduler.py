"""db-scheduler (Java, PostgreSQL)."""

import re
from collections.abc import Sequence
from pathlib import Path

from bench.peers.building import PROGRAMS, built, call
from bench.peers.peer import BATCH, LATE, SINGLE
from bench.peers.program import ProgramPeer, open_in_postgres
from bench.peers.stores import postgres

HOME = PROGRAMS / "db_scheduler"
SOURCES = [HOME / "Main.java", HOME / "pom.xml"]
OPEN = "SELECT EXISTS (SELECT FROM scheduled_tasks)"
PROMISES = (
    "A row per job in PostgreSQL until it has run, then it is deleted: no result and no history; a job whose "
    "process died runs again after some missed heartbeats."
)
WARM_UP_JOBS = 30_000
"""A JVM compiles what is called often: after fewer a job costs it three times as much."""
BEST = ["--threads", "50", "--poll-ms", "10"]


def peers() -> list[ProgramPeer]:
    """At its best and at its defaults."""
    return [
        _peer(
            "best: lock-and-fetch, 2 × 50 threads, poll 10 ms",
            [BEST, BEST],
            frozenset({BATCH, SINGLE, LATE}),
        ),
        _peer("defaults: 10 threads, poll 10 s", [[]], frozenset({BATCH, LATE})),
    ]


def _peer(name: str, workers: Sequence[Sequence[str]], measures: frozenset[str]) -> ProgramPeer:
    return ProgramPeer(
        name=f"db-scheduler, {name}",
        promises=PROMISES,
        measures=measures,
        versions=_versions(),
        build=_program,
        stores=[postgres],
        is_open=open_in_postgres(OPEN),
        workers=workers,
        best=BEST in workers,
        warm_up=WARM_UP_JOBS,
    )


def _versions() -> str:
    found = re.search(
        r"<artifactId>db-scheduler</artifactId>\s*<version>([\d.]+)", SOURCES[1].read_text()
    )
    return f"db-scheduler {found[1]}" if found else "db-scheduler"


def _program() -> Sequence[str]:
    folder = built("db-scheduler", SOURCES, _build)
    return ["java", "-cp", f"{folder / 'classes'}:{folder / 'jars'}/*", "Main"]


def _build(folder: Path) -> None:
    goal = ["dependency:copy-dependencies", "-DincludeScope=runtime"]
    maven = ["mvn", "-q", "-B", "-f", SOURCES[1], *goal]
    call([*maven, f"-DoutputDirectory={folder / 'jars'}"], cwd=folder)
    compiler = ["javac", "-cp", f"{folder / 'jars'}/*", "-d", folder / "classes"]
    call([*compiler, SOURCES[0]], cwd=folder)
