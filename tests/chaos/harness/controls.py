"""Control runs: `python -m tests.chaos.harness.controls [word …]`. A guard of the product is taken out in a
copy of the tree, and the same run must report violations there and exit with 1.

A checker that has never failed proves nothing. Each control names the invariants of which at least one must be
among the broken ones. Exit code 1 if a control stays silent or a text is not found once; the last line is
`controls=… caught=…`.
"""

import re
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from tests.support.mutants.zygote import copy_tree

JOBS_A_MINUTE, QUIET_SECONDS = 1_800, 30.0
RUN_LIMIT_SECONDS = 300
_BROKEN = re.compile(r"^\| ([IR]\d+) \|.*\| ([1-9]\d*) \|$", re.MULTILINE)


@dataclass(frozen=True)
class Control:
    """`text` stands once in `file`, and is replaced. `faults`: the only kinds that strike, so that a short run
    meets what the guard is there for. `breaks`: one of these invariants at least."""

    name: str
    file: str
    text: str
    replacement: str
    faults: tuple[str, ...]
    breaks: frozenset[str]
    minutes: float = 1.0
    long_share: float = 0.08


CONTROLS = (
    Control(
        name="an end is accepted whatever its attempt and node",
        file="job_service/postgres/reports.py",
        text="""    WHERE {lookup("j.id", "t.job_id")} AND j.attempt = t.attempt AND j.node = $1
      AND (j.status = 'RUNNING'""",
        replacement="""    WHERE {lookup("j.id", "t.job_id")}
      AND (j.status = 'RUNNING'""",
        faults=("freeze-worker", "client-storm"),
        breaks=frozenset({"I9"}),
        minutes=1.5,
        long_share=0.25,
    ),
    Control(
        name="the reaper marks nobody dead",
        file="job_service/postgres/reaping.py",
        text="WHERE state = 'live' AND expires_at + $1",
        replacement="WHERE false AND expires_at + $1",
        faults=("kill-worker", "kill-scheduler"),
        breaks=frozenset({"I2", "I3", "I22"}),
    ),
    Control(
        name="offsets are committed before the decision",
        file="worker_service/domain/offset_tracker.py",
        text="return self._undecided[0] if self._undecided else self.next_read",
        replacement="return self.next_read",
        faults=("freeze-job-service", "half-open", "drop-replies", "kill-worker"),
        breaks=frozenset({"I13"}),
    ),
    Control(
        name="a key that is taken is given to the next in line",
        file="job_service/postgres/migrations/versions/0003_pre_ordering_keys.py",
        text="WHERE k.ordering_key = ANY (keys) AND k.job_id IS NULL\n    ),",
        replacement="WHERE k.ordering_key = ANY (keys)\n    ),",
        faults=("kill-worker", "drop-replies"),
        breaks=frozenset({"R19"}),
        minutes=0.5,
    ),
)


def main(words: Sequence[str]) -> int:
    """Run the controls that the words pick, all without any; the exit code."""
    chosen = [c for c in CONTROLS if not words or any(word in c.name for word in words)]
    caught = sum(_is_caught(control) for control in chosen)
    print(f"controls={len(chosen)} caught={caught}")
    return int(caught < len(chosen))


def _is_caught(control: Control) -> bool:
    with tempfile.TemporaryDirectory(prefix="control-") as folder:
        tree = Path(folder)
        copy_tree(tree)
        file = tree / control.file
        whole = file.read_text()
        if whole.count(control.text) != 1:
            print(f"{control.name}: its text stands {whole.count(control.text)} times")
            return False
        file.write_text(whole.replace(control.text, control.replacement))
        run = subprocess.run(
            _command(control, tree),
            cwd=tree,
            capture_output=True,
            text=True,
            timeout=RUN_LIMIT_SECONDS,
            check=False,
        )
    broken = {rule: int(count) for rule, count in _BROKEN.findall(run.stdout)}
    silent = run.returncode != 1 or not broken.keys() & control.breaks
    if silent:
        print(run.stdout[-4_000:], run.stderr[-4_000:])
    verdict = "SILENT" if silent else "caught"
    print(f"{control.name}: {verdict}, exit {run.returncode}, {broken}", flush=True)
    return not silent


def _command(control: Control, tree: Path) -> list[str]:
    return [
        *(sys.executable, "-m", "tests.chaos.harness", "--seed", "1"),
        *("--minutes", str(control.minutes), "--jobs", str(int(control.minutes * JOBS_A_MINUTE))),
        *("--quiet", str(QUIET_SECONDS), "--long", str(control.long_share)),
        *("--records", str(tree / "records"), "--kinds", ",".join(control.faults)),
    ]


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
