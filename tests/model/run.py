"""Checks session.pml: `python -m tests.model.run [word …] [--write]`, where each word picks rows by a part of
rule or name.

Two verifiers are compiled, one for safety and one for liveness; each row of `rows` is a run of one of them with
its own settings. Prints a table; the exit code is 1 if a row does not behave as it should, 2 if spin or gcc is
missing. `--write` puts the table into docs/model.md.
"""

import os
import re
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from tests.model.rows import CONFIGURATIONS, LIVELOCK, MUTANTS, OK, ROWS, WITNESSES, Mode, Row
from tests.support.marked_text import with_part
from tests.support.source_files import ROOT

MODEL = Path(__file__).with_name("session.pml")
PAGE = ROOT / "docs" / "model.md"
PROGRAMS = ("spin", "gcc")
DEPTH_MOST = 20_000
MEMORY_MB = 600
"""Of one run; two go at once."""
ROW_LIMIT_SECONDS = 110

# Compiled without optimisation: that takes 2 s instead of 40 s, and the runs take a third longer.
_COMPILE: dict[Mode, tuple[list[str], list[str]]] = {
    "safe": ([], ["-DSAFETY", "-DNOCLAIM"]),
    "live": (["-DLIVENESS"], ["-DNFAIR=4"]),
}
_RUN: dict[Mode, list[str]] = {"safe": [], "live": ["-a", "-f", "-N", "settles"]}
_NAME = re.compile(r"\b([A-Z][A-Z0-9]*(?:_[A-Z0-9]+)+)\)")


@dataclass(frozen=True)
class Found:
    """What a run came to. `what` is comparable with `Row.expects`."""

    row: Row
    what: str
    states: int
    seconds: float

    @property
    def as_expected(self) -> bool:
        """Whether the row behaved as it should."""
        return self.what == self.row.expects


def main(arguments: Sequence[str]) -> int:
    """Check the rows that the words pick; the exit code."""
    missing = missing_programs()
    if missing:
        print(f"needs {' and '.join(missing)}: apt-get install spin gcc", file=sys.stderr)
        return 2
    words = [a for a in arguments if a != "--write"]
    rows = [r for r in ROWS if not words or any(w in f"{r.rule} {r.name} {r.mode}" for w in words)]
    began = time.monotonic()
    with verifiers() as folder, ThreadPoolExecutor(os.cpu_count() or 1) as pool:
        found = list(pool.map(lambda row: check(folder, row), _longest_first(rows)))
    found.sort(key=lambda f: rows.index(f.row))
    print(tables(found))
    wrong = [f for f in found if not f.as_expected]
    for f in wrong:
        print(f"WRONG: {f.row.rule} {f.row.name}: {f.what} instead of {f.row.expects}")
    if "--write" in arguments and not words and not wrong:
        PAGE.write_text(with_part(PAGE.read_text(), "runs", tables(found) + "\n"))
    seconds = time.monotonic() - began
    print(f"rows={len(found)} wrong={len(wrong)} seconds={seconds:.0f}")
    return int(bool(wrong))


def missing_programs() -> list[str]:
    """Those of `PROGRAMS` that are not there."""
    return [program for program in PROGRAMS if shutil.which(program) is None]


@contextmanager
def verifiers() -> Iterator[Path]:
    """A folder with both verifiers, compiled."""
    with tempfile.TemporaryDirectory(prefix="model-") as name:
        folder = Path(name)
        with ThreadPoolExecutor(2) as pool:
            list(pool.map(lambda mode: _compile(folder / mode, mode), _COMPILE))
        yield folder


def _compile(folder: Path, mode: Mode) -> None:
    folder.mkdir()
    for_spin, for_gcc = _COMPILE[mode]
    _quietly(["spin", "-a", *for_spin, str(MODEL)], folder)
    limits = ["-DCOLLAPSE", f"-DMEMLIM={MEMORY_MB}"]
    _quietly(["gcc", "-w", "-O0", *for_gcc, *limits, "-o", "pan", "pan.c"], folder)


def _quietly(command: list[str], folder: Path) -> None:
    run = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
    if run.returncode != 0:
        raise RuntimeError(f"{command[0]} failed: {run.stdout[-2000:]}{run.stderr[-2000:]}")


def check(folder: Path, row: Row) -> Found:
    """Run one row."""
    command = [str(folder / row.mode / "pan"), *_RUN[row.mode], f"-m{DEPTH_MOST}"]
    with tempfile.TemporaryDirectory(dir=folder) as own:  # where the trail goes
        began = time.monotonic()
        try:
            run = subprocess.run(
                command,
                cwd=own,
                env=_environment(row.settings),
                capture_output=True,
                text=True,
                timeout=ROW_LIMIT_SECONDS,
                check=False,
            )
        except subprocess.TimeoutExpired:
            return Found(row, f"no end in {ROW_LIMIT_SECONDS} s", 0, time.monotonic() - began)
        seconds = time.monotonic() - began
    return Found(row, _what(run.stdout), _states(run.stdout), seconds)


def _environment(settings: Iterable[tuple[str, int]]) -> dict[str, str]:
    return {**os.environ, **{name: str(value) for name, value in settings}}


def _what(said: str) -> str:
    if "acceptance cycle" in said:
        return LIVELOCK
    for line in said.splitlines():
        if "assertion violated" in line:
            names = _NAME.findall(line)
            return names[-1] if names else line
    if "errors: 0" in said and "too small" not in said and "Search not completed" not in said:
        return OK
    return "did not run: " + " ".join(said.split())[:200]


def _states(said: str) -> int:
    match = re.search(r"^ *([0-9.e+]+) states, stored", said, re.MULTILINE)
    return int(float(match[1])) if match else 0


def _longest_first(rows: Iterable[Row]) -> list[Row]:
    return sorted(rows, key=lambda row: (row.expects != OK, row.mode != "live"))


def tables(found: Sequence[Found]) -> str:
    """Configurations, witnesses and mutants, as Markdown."""
    parts = []
    for title, kind in (
        ("configuration", CONFIGURATIONS),
        ("can happen", WITNESSES),
        ("taken out", MUTANTS),
    ):
        rows = [f for f in found if f.row in kind]
        if rows:
            lines = [_line(f) for f in rows]
            head = (
                f"| rule | {title} | settings | judged | states | seconds | found |\n|{'---|' * 7}"
            )
            parts.append("\n".join([head, *lines]))
    return "\n\n".join(parts)


def _line(found: Found) -> str:
    row = found.row
    settings = " ".join(f"{name}={value}" for name, value in row.settings)
    verdict = found.what if found.as_expected else f"**{found.what}, expected {row.expects}**"
    return (
        f"| {row.rule} | {row.name} | {settings} | {row.mode} | {found.states} "
        f"| {found.seconds:.1f} | {verdict} |"
    )


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
