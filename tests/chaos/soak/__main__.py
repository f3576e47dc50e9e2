"""`python -m tests.chaos.soak --minutes 20`: a steady load with a kill every 30 s; does anything grow?

Prints a slope for each thing that is watched; exit code 1 if something grows, 2 if the rate was not kept.
`--write` puts tables and plot into docs/.
"""

import argparse
import sys
from collections.abc import Sequence

from bench.lateness import machine
from tests.chaos.soak.plot import picture
from tests.chaos.soak.run import Soaked, run
from tests.chaos.soak.trends import Series, Trend, trend
from tests.support.marked_text import with_part
from tests.support.source_files import ROOT

PAGE, PLOT = ROOT / "docs" / "soak.md", ROOT / "docs" / "soak.svg"
WARM_UP_SHARE = 0.25
"""Of the time, this much at the beginning is not judged: caches fill, tables have their first pages."""
RATE_KEPT_SHARE = 0.98
DRAWN_TABLES = 6


def main(arguments: list[str]) -> int:
    """Soak and judge; the exit code."""
    parser = argparse.ArgumentParser(prog="python -m tests.chaos.soak")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--minutes", type=float, default=20.0)
    parser.add_argument("--rate", type=float, default=300.0, help="jobs a second")
    parser.add_argument("--write", action="store_true")
    given = parser.parse_args(arguments)
    seconds = given.minutes * 60.0
    soaked = run(seed=given.seed, seconds=seconds, rate=given.rate)
    trends = [trend(series, since=seconds * WARM_UP_SHARE) for series in soaked.series]
    grown = [found for found in trends if found.grows]
    said = _report(soaked, trends, given)
    print(said)
    if given.write:
        PAGE.write_text(with_part(PAGE.read_text(), "soak", said + "\n"))
        PLOT.write_text(picture(_panels(soaked.series), soaked.kills))
    for found in grown:
        print(f"GROWS: {found.series.kind} of {found.series.name}")
    kept = soaked.made / (given.rate * seconds)
    print(f"seed={given.seed} jobs={soaked.made} kills={len(soaked.kills)} grows={len(grown)}")
    if kept < RATE_KEPT_SHARE:
        print(f"too busy: {kept:.0%} of the rate was kept", file=sys.stderr)
        return 2
    return int(bool(grown))


def _report(soaked: Soaked, trends: Sequence[Trend], given: argparse.Namespace) -> str:
    facts = machine()
    states = ", ".join(f"{state} {jobs}" for state, jobs in soaked.states.items())
    head = (
        f"{given.minutes:g} minutes at {given.rate:g} jobs/s, seed {given.seed}, {len(soaked.kills)} kills, "
        f"on {facts['cores']} cores ({facts['cpu']}): {states}; {soaked.lost} attempts lost, "
        f"{soaked.repeats} requests repeated; the audit is clean."
    )
    lines = [
        head,
        "",
        "| what | of | usual | slope an hour | growth while judged | may grow |",
        "|---|---|---|---|---|---|",
        *(_row(found) for found in trends),
    ]
    return "\n".join(lines)


def _row(found: Trend) -> str:
    series = found.series
    most = max(series.most * found.usual, series.least)
    unit = f" {series.unit}" if series.unit else ""
    verdict = " **grows**" if found.grows else ""
    return (
        f"| {series.kind} | `{series.name}` | {found.usual:.4g}{unit} | {found.slope:+.3g}{unit} "
        f"| {found.growth:+.3g}{unit}{verdict} | {most:.3g}{unit} |"
    )


def _panels(every: Sequence[Series]) -> list[tuple[str, list[Series]]]:
    def of(kind: str) -> list[Series]:
        return [series for series in every if series.kind == kind]

    def largest(kind: str) -> list[Series]:
        return sorted(of(kind), key=lambda series: -series.points[-1][1])[:DRAWN_TABLES]

    return [
        ("memory of processes that live all the while, MiB", of("memory")),
        ("connections of PostgreSQL, and open files", [*of("connections"), *of("open files")]),
        ("bytes per job on disk, the largest", largest("bytes per job")),
        ("tables and indexes of what is open, KiB, the largest", largest("size")),
        ("p99 lateness outside of fault windows, ms", of("p99 lateness")),
    ]


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
