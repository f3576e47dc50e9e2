"""Punctual beside what a user would pick instead: the same jobs on the same machine, in turns.

    python -m bench.compare [--quick] [--jobs 20000] [--rounds 3] [--only NAME …] [--write [--append]]

In each round every system is started on fresh stores, warmed up, measured and stopped, and none of the others
runs meanwhile. `--write` puts the raw rows into docs/benchmarks/compare.json, and the tables and plots made of
them into docs/benchmarks.md; with `--append` the rounds are added to those that lie there. The figures go to
bench/results/latest.json in any case, and those of an earlier bench there are dropped. Exit code 1 if a run
of Punctual failed; one of a peer that fails is shown in the page.
"""

import argparse
import sys
from collections.abc import Sequence
from typing import Any

from bench.compare_tables import as_text
from bench.failures import FAILURES, unwind_when_ended
from bench.figures import percentile
from bench.lateness import machine
from bench.pages import Taken, read, write
from bench.peers.all import everybody
from bench.peers.peer import LATE, Missing, Peer, Running
from bench.peers.punctual import NAME
from bench.results import begin, keep, of_compare

COMPARE = "compare"
JOBS, ROUNDS, LATE_JOBS = 20_000, 3, 500
QUICK_JOBS, QUICK_ROUNDS, QUICK_LATE_JOBS = 5_000, 1, 250
"""Those jobs of lateness take a whole turn of the slowest clock among the peers: five seconds."""
LATE_RATE, LATE_AHEAD = 50.0, 1.0

Row = dict[str, Any]


def prepared(peers: Sequence[Peer]) -> tuple[list[Peer], dict[str, str], dict[str, str]]:
    """Those that can be run here, their versions, and the reasons of the others."""
    here, versions, missing = [], {}, {}
    for peer in peers:
        try:
            versions[peer.name] = peer.prepare()
            here.append(peer)
        except Missing as reason:
            missing[peer.name] = str(reason)
    return here, versions, missing


def measured(peer: Peer, *, jobs: int, late_jobs: int) -> list[Row]:
    """What one peer did in one round; a row with `error` if it failed."""
    rows: list[Row] = []
    try:
        with peer.running() as running:
            for measure in sorted(peer.measures):
                if measure == LATE:
                    rows.append(_late(running, late_jobs))
                else:
                    rows.append(_run(running, measure, round(jobs * peer.share)))
    except FAILURES as problem:
        rows.append({"error": f"{type(problem).__name__}: {problem}".splitlines()[0][:200]})
    return [{"peer": peer.name, **row} for row in rows]


def _run(running: Running, way: str, jobs: int) -> Row:
    found = running.run(jobs, way)
    return {
        "measure": way,
        "jobs": found.jobs,
        "created_s": round(found.created, 3),
        "done_s": round(found.done, 3),
        "product_us": round(found.product_us(), 1),
        "store_us": round(found.store_us(), 1),
        "cpu_us": {role: round(us, 1) for role, us in sorted(found.cpu_us.items())},
    }


def _late(running: Running, jobs: int) -> Row:
    late = running.late(jobs, LATE_RATE, LATE_AHEAD)
    figures = {f"p{rank}_ms": round(percentile(late, rank), 2) for rank in (50, 90, 99)}
    return {
        "measure": LATE,
        "jobs": jobs,
        "rate": LATE_RATE,
        "ahead_s": LATE_AHEAD,
        **figures,
        "max_ms": round(late[-1], 2),
        "early": sum(ms < 0 for ms in late),
    }


def in_turns(peers: Sequence[Peer], rounds: range, *, jobs: int, late_jobs: int) -> list[Row]:
    """Round after round, each peer once; what each did is printed at once."""
    rows: list[Row] = []
    for n in rounds:
        for peer in peers:
            found = measured(peer, jobs=jobs, late_jobs=late_jobs)
            print(*(as_text(row) for row in found), sep="\n", flush=True)
            rows += [{"round": n, **row} for row in found]
    return rows


def main() -> int:
    """The command."""
    asked = _asked()
    unwind_when_ended()
    wanted = [
        peer
        for peer in everybody()
        if peer.name.startswith(tuple(asked.only) or "") and (peer.best or not asked.quick)
    ]
    facts = machine()
    here, versions, missing = prepared(wanted)
    for name, reason in missing.items():
        print(f"not run: {name}: {reason}")
    before = read(COMPARE).rows if asked.append else []
    done = max((row["round"] for row in before), default=0)
    last = done + asked.rounds
    rows = in_turns(
        here,
        range(done + 1, last + 1),
        jobs=asked.jobs,
        late_jobs=QUICK_LATE_JOBS if asked.quick else LATE_JOBS,
    )
    promises = {peer.name: peer.promises for peer in wanted}
    taken = Taken(
        command=f"python -m bench.compare --jobs {asked.jobs} --rounds {last}",
        machine=facts,
        rows=[*before, *rows],
        about={"missing": missing, "versions": versions, "promises": promises},
    )
    if not asked.append:
        begin()
    keep(COMPARE, of_compare(COMPARE, taken.command, taken.rows))
    if asked.write:
        write(COMPARE, taken)
    return 1 if any("error" in row and row["peer"] == NAME for row in rows) else 0


def _asked() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="bench.compare", description="Punctual and its peers.")
    parser.add_argument(
        "--quick", action="store_true", help="small numbers, one round, best settings only"
    )
    parser.add_argument("--jobs", type=int)
    parser.add_argument("--rounds", type=int)
    parser.add_argument("--only", nargs="*", default=[], help="those whose name begins so")
    parser.add_argument("--write", action="store_true", help="into docs/benchmarks.md")
    parser.add_argument("--append", action="store_true", help="to the rounds that lie there")
    asked = parser.parse_args()
    asked.jobs = asked.jobs or (QUICK_JOBS if asked.quick else JOBS)
    asked.rounds = asked.rounds or (QUICK_ROUNDS if asked.quick else ROUNDS)
    return asked


if __name__ == "__main__":
    sys.exit(main())
