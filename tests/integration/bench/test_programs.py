"""A peer's program is started, measured and stopped; what it does not do is an error."""

import sys
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from bench.peers import program
from bench.peers.peer import BATCH, LATE
from bench.peers.program import ProgramPeer

PROGRAM = """
import pathlib, sys, time
from bench.peers.programs import common
here = pathlib.Path(__file__).parent
asked = common.asked()
if asked.verb == "work":
    (here / "working").touch()
    time.sleep(600)
elif asked.verb == "create":
    with common.timed():
        with (here / "created").open("a") as file:
            file.write(f"{asked.jobs} {asked.way}\\n")
elif asked.verb == "late":
    common.paced(asked, lambda job, due: LATE)
"""
ON_TIME = "(time.sleep(max(0.0, due - time.time())), common.begin(asked.sink, job))"
NEVER = "None"


@pytest.fixture
def peer(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[str], ProgramPeer]:
    monkeypatch.setenv("PYTHONPATH", str(program.ROOT))
    monkeypatch.setattr(program, "LATE_LIMIT_SECONDS", 0.5)

    def make(late: str) -> ProgramPeer:
        script = tmp_path / "toy.py"
        script.write_text(PROGRAM.replace("LATE", late))
        return ProgramPeer(
            name="Toy",
            promises="Nothing.",
            measures=frozenset({BATCH, LATE}),
            versions="toy 1",
            build=lambda: [sys.executable, str(script)],
            stores=[],
            is_open=lambda stores: not (tmp_path / "working").exists(),
            warm_up=3,
        )

    return make


def test_it_is_warmed_up_and_measured_until_its_store_shows_all_done(
    peer: Callable[[str], ProgramPeer], tmp_path: Path
) -> None:
    with peer(NEVER).running() as running:
        found = running.run(100, BATCH)
    assert (tmp_path / "created").read_text().split("\n")[:-1] == ["3 batch", "100 batch"]
    assert found.jobs == 100
    assert 0 <= found.created <= found.done < program.DONE_LIMIT_SECONDS
    assert {"client", "worker"} == found.cpu_us.keys()


def test_lateness_is_judged_by_the_sink(peer: Callable[[str], ProgramPeer]) -> None:
    with peer(ON_TIME).running() as running:
        began = time.monotonic()
        late = running.late(5, 100.0, 0.05)
        seconds = time.monotonic() - began
    assert late == sorted(late)
    assert len(late) == 5
    assert all(0 <= ms <= seconds * 1000 for ms in late)


def test_jobs_that_never_begin_are_an_error(peer: Callable[[str], ProgramPeer]) -> None:
    with (
        peer(NEVER).running() as running,
        pytest.raises(RuntimeError, match="0 starts of 2 jobs"),
    ):
        running.late(2, 100.0, 0.0)


def test_a_worker_that_ends_is_an_error(peer: Callable[[str], ProgramPeer]) -> None:
    ends = replace(peer(NEVER), work=lambda: [sys.executable, "-c", "print('gone')"])
    with pytest.raises(RuntimeError, match=r"(?s)a worker of Toy ended.*gone"), ends.running():
        pass
