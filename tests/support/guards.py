"""Each guard of the protocol in job_service is taken out in a copy of the tree, and its tests must fail there:
`python -m tests.support.guards [word …]`, where each word picks guards by a part of rule, text or file.

First all the tests must pass with every guard in place. Without a guard its control must still pass, or the
change is no weakening but a wreck, which any test would catch. Prints a table; the exit code is 1 if a guard
survives or its text is not found once, and the last line is `mutants=… caught=…`.
"""

import os
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterable, Sequence
from pathlib import Path

from tests.support import guards_of_changes, guards_of_grants, guards_of_pauses
from tests.support.components import postgres_server
from tests.support.guard_list import Guard
from tests.support.source_files import PACKAGES, ROOT

GUARDS = (*guards_of_grants.GUARDS, *guards_of_changes.GUARDS, *guards_of_pauses.GUARDS)
RUN_LIMIT_SECONDS = 300
_FAILED = re.compile(r"^(?:FAILED|ERROR) (\S+)", re.MULTILINE)


def main(words: Sequence[str]) -> int:
    """Try the guards that the words pick, all without any; the exit code."""
    chosen = [
        g for g in GUARDS if not words or any(w in f"{g.rule} {g.what} {g.file}" for w in words)
    ]
    if not all(_is_anchored(guard) for guard in chosen):
        return 1
    with postgres_server() as url, tempfile.TemporaryDirectory(prefix="guards-") as folder:
        tree = Path(folder)
        _copy_tree(tree)
        everything = sorted({t for guard in chosen for t in (*guard.tests, guard.control)})
        failing = _failed(tree, url, everything)
        if failing:
            print(f"these fail with every guard in place: {', '.join(sorted(failing))}")
            return 1
        print("| rule | guard | tests | without it |\n|---|---|---|---|")
        caught = sum(_is_caught(tree, url, guard) for guard in chosen)
    print(f"mutants={len(chosen)} caught={caught}")
    return int(caught < len(chosen))


def _is_anchored(guard: Guard) -> bool:
    found = (ROOT / guard.file).read_text().count(guard.text)
    if found != 1:
        print(f"{guard.rule} {guard.what}: its text stands {found} times in {guard.file}")
    return found == 1


def _copy_tree(tree: Path) -> None:
    for name in (*PACKAGES, "tests"):
        ignored = shutil.ignore_patterns("__pycache__")
        shutil.copytree(ROOT / name, tree / name, ignore=ignored)
    shutil.copy(ROOT / "pyproject.toml", tree)


def _is_caught(tree: Path, url: str, guard: Guard) -> bool:
    file = tree / guard.file
    whole = file.read_text()
    file.write_text(whole.replace(guard.text, guard.replacement))
    try:
        failed = _failed(tree, url, (*guard.tests, guard.control))
    finally:
        file.write_text(whole)
    survivors = [t for t in guard.tests if not any(_is_of(name, t) for name in failed)]
    wreck = guard.control in failed
    verdict = f"SURVIVED {_names(survivors)}" if survivors else "WRECK" if wreck else "caught"
    print(f"| {guard.rule} | {guard.what} | {_names(guard.tests)} | {verdict} |", flush=True)
    return not survivors and not wreck


def _is_of(failed: str, test: str) -> bool:
    """A test without parameters stands for all of its cases."""
    return failed == test or failed.startswith(f"{test}[")


def _names(tests: Iterable[str]) -> str:
    return "<br>".join(test.rsplit("::", 1)[1] for test in tests)


def _failed(tree: Path, url: str, tests: Sequence[str]) -> set[str]:
    """The tests that fail in that tree."""
    run = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "--tb=no", "-rfE", "-p", "no:cacheprovider", *tests],
        cwd=tree,
        env={**os.environ, "PUNCTUAL_TEST_DATABASE_URL": url, "PYTHONDONTWRITEBYTECODE": "1"},
        capture_output=True,
        text=True,
        timeout=RUN_LIMIT_SECONDS,
        check=False,
    )
    failed = set(_FAILED.findall(run.stdout))
    if run.returncode not in {0, 1} or bool(run.returncode) != bool(failed):
        raise RuntimeError(f"pytest did not run: {run.stdout[-3000:]}{run.stderr[-3000:]}")
    return failed


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
