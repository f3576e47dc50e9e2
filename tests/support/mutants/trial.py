"""Each mutant in turn: put it into a scratch copy, run its tests, take it out again."""

import importlib.util
import time
from collections import deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

from tests.support.mutants.mutant import Mutant
from tests.support.mutants.zygote import Outcome, Run, copy_tree

LOOK_EVERY_SECONDS = 0.02
MIGRATIONS = "job_service/postgres/migrations"
TEMPLATE = "TESTS_TEMPLATE"
"""The variable by which a migrated database is given to `tests/conftest.py`."""


@dataclass(frozen=True)
class Verdict:
    """`seconds`: from the start of the run to the first test that failed. `why` is empty for a mutant that was
    caught as it must be."""

    mutant: Mutant
    seconds: float
    why: str


@dataclass(frozen=True)
class Task:
    """Tests to run, with a mutant or without one."""

    mutant: Mutant | None
    tests: Sequence[str]


@contextmanager
def applied(tree: Path, mutant: Mutant) -> Iterator[None]:
    """The mutant in the tree; afterwards the file is as it was."""
    file = tree / mutant.file
    whole = file.read_text()
    if whole.count(mutant.text) != 1:
        raise ValueError(f"{mutant.what}: its text does not stand once in {mutant.file}")
    _write(file, whole.replace(mutant.text, mutant.replacement))
    try:
        yield
    finally:
        _write(file, whole)


def _write(file: Path, text: str) -> None:
    """Also forget the compiled file: it is told from the source by seconds and size, which may not differ."""
    file.write_text(text)
    Path(importlib.util.cache_from_source(str(file))).unlink(missing_ok=True)


class Trials:
    """Runs in as many scratch copies below `folder` as may run at once."""

    def __init__(self, folder: Path, env: Mapping[str, str], *, at_once: int) -> None:
        self._trees = [copy_tree(folder / str(n)) for n in range(at_once)]
        self._env = env

    def unsound(self, mutants: Sequence[Mutant]) -> list[str]:
        """The tests of these mutants that fail in a tree without any.

        Raises:
            RuntimeError: the tests could not be run.
        """
        tests = sorted({t for m in mutants for t in (*m.tests, m.control)})
        at_once = len(self._trees)
        tasks = [Task(None, tests[n::at_once]) for n in range(at_once)]
        failed: list[str] = []

        def judge(_task: Task, outcome: Outcome) -> None:
            if outcome.code not in {0, 1}:
                raise RuntimeError(f"pytest did not run: {outcome.said[-3000:]}")
            failed.extend(outcome.failed)

        self._run([task for task in tasks if task.tests], judge)
        return sorted(failed)

    def catch(self, mutants: Sequence[Mutant], tell: Callable[[Verdict], None]) -> None:
        """Try each of them; `tell` hears of each as soon as it is done."""

        def judge(task: Task, outcome: Outcome) -> None:
            assert task.mutant is not None
            tell(judged(task.mutant, outcome))

        self._run([Task(m, (*m.tests, m.control)) for m in mutants], judge)

    def _run(self, tasks: Sequence[Task], judge: Callable[[Task, Outcome], None]) -> None:
        waiting = deque(tasks)
        with ExitStack() as all_of_them:
            busy: dict[Path, tuple[Task, Run, ExitStack]] = {}
            while waiting or busy:
                for tree in self._trees:
                    if tree not in busy and waiting:
                        mine = all_of_them.enter_context(ExitStack())
                        task = waiting.popleft()
                        busy[tree] = (task, self._start(tree, task, mine), mine)
                for tree, (task, run, mine) in list(busy.items()):
                    outcome = run.ended()
                    if outcome is not None:
                        del busy[tree]
                        mine.close()
                        judge(task, outcome)
                time.sleep(LOOK_EVERY_SECONDS)

    def _start(self, tree: Path, task: Task, mine: ExitStack) -> Run:
        env = dict(self._env)
        if task.mutant is not None:
            mine.enter_context(applied(tree, task.mutant))
            if task.mutant.file.startswith(MIGRATIONS):
                del env[TEMPLATE]  # that database was migrated without the mutant
        run = Run(tree, task.tests, env)
        mine.callback(run.kill)
        return run


def judged(mutant: Mutant, outcome: Outcome) -> Verdict:
    """Whether it was caught: each of its tests failed, and its control did not."""
    if outcome.code != 1:
        survives = (
            "SURVIVED all" if outcome.code == 0 else "WRECK: the tests did not run to their end"
        )
        return Verdict(mutant, 0.0, survives)
    survived = [t for t in mutant.tests if not any(is_of(name, t) for name in outcome.failed)]
    seconds = min(at for name, at in outcome.failed.items())
    if survived:
        return Verdict(mutant, seconds, f"SURVIVED {', '.join(survived)}")
    if any(is_of(name, mutant.control) for name in outcome.failed):
        return Verdict(mutant, seconds, f"WRECK: {mutant.control} fails too")
    return Verdict(mutant, seconds, "")


def is_of(failed: str, test: str) -> bool:
    """A test without parameters stands for all of its cases."""
    return failed == test or failed.startswith(f"{test}[")
