"""Runs tests in a scratch copy of the tree, in a process forked from this one.

What costs seconds at the start of a test run is third-party code: it is imported here once, and a fork has it.
The project's own code is imported by the fork, from the scratch copy.
"""

import importlib
import json
import os
import shutil
import signal
import sys
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tests.support.source_files import PACKAGES, ROOT

HEAVY = (
    "aiokafka", "alembic.command", "asyncpg", "confluent_kafka", "fastapi_offline", "httpx2", "hypothesis",
    "jsonschema_rs", "prometheus_client", "pydantic_settings", "pytest_asyncio", "pytest_timeout",
    "sqlalchemy.ext.asyncio", "structlog", "uuid_utils", "uvicorn", "uvloop",
    "xdist.plugin",
)  # fmt: skip
"""What the tests of mutants need of others. Nothing of it starts a thread when it is imported."""
RUN_LIMIT_SECONDS = 120.0
TEST_LIMIT_SECONDS = 30
"""A mutant that makes a test hang is caught by that."""
AGAIN_AFTER_SECONDS = 5
"""The signal that ends a test that hangs may hit a task of the product, which keeps it to itself: it is sent
again."""


@dataclass(frozen=True)
class Outcome:
    """`failed`: for each test that failed, seconds from the start of the run. `code`: pytest's exit code; None
    for a run that took too long. `said`: what pytest printed."""

    code: int | None
    failed: Mapping[str, float]
    said: str


def warm_up() -> None:
    """Import what all runs need."""
    for name in HEAVY:
        importlib.import_module(name)


def copy_tree(tree: Path) -> Path:
    """A scratch copy of the product and its tests."""
    for name in (*PACKAGES, "tests"):
        shutil.copytree(ROOT / name, tree / name, ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(ROOT / "pyproject.toml", tree)
    return tree


class Run:
    """One run of tests in a tree, under way. `ended` says when it is over."""

    def __init__(self, tree: Path, tests: Sequence[str], env: Mapping[str, str]) -> None:
        self._answer = tree / "answer.json"
        self._log = tree / "log.txt"
        self._answer.unlink(missing_ok=True)
        self._until = time.monotonic() + RUN_LIMIT_SECONDS
        self._over = False
        sys.stdout.flush()
        self._pid = os.fork()
        if self._pid == 0:
            _run_here(tree, tests, env, answer=self._answer, log=self._log)
        with suppress(
            PermissionError, ProcessLookupError
        ):  # the fork does the same; whoever comes first
            os.setpgid(self._pid, self._pid)

    def ended(self) -> Outcome | None:
        """What came of it; None while it runs."""
        if time.monotonic() > self._until:
            self.kill()
        elif os.waitpid(self._pid, os.WNOHANG)[0] == 0:
            return None
        self._over = True
        said = self._log.read_text() if self._log.exists() else ""
        if not self._answer.exists():
            return Outcome(None, {}, said)
        answer = json.loads(self._answer.read_text())
        return Outcome(answer["code"], answer["failed"], said)

    def kill(self) -> None:
        """End it and what it started, if it is not over."""
        if not self._over:
            with suppress(ProcessLookupError):
                os.killpg(self._pid, signal.SIGKILL)
            os.waitpid(self._pid, 0)
            self._over = True


class _Recorder:
    """A plugin of pytest: which tests failed, and when; and the timer of a test, which goes on ringing."""

    def __init__(self, began: float) -> None:
        self._began = began
        self.failed: dict[str, float] = {}

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        if report.failed:
            self.failed.setdefault(report.nodeid, time.monotonic() - self._began)

    def pytest_timeout_set_timer(self, item: pytest.Item) -> bool:
        def ring(_number: int, _frame: object) -> None:
            pytest.fail(f"{item.nodeid} took more than {TEST_LIMIT_SECONDS} s")

        signal.signal(signal.SIGALRM, ring)
        signal.setitimer(signal.ITIMER_REAL, TEST_LIMIT_SECONDS, AGAIN_AFTER_SECONDS)
        return True

    def pytest_timeout_cancel_timer(self, item: pytest.Item) -> bool:
        signal.setitimer(signal.ITIMER_REAL, 0)
        return True


def _run_here(
    tree: Path, tests: Sequence[str], env: Mapping[str, str], *, answer: Path, log: Path
) -> None:
    """In the fork: run the tests, write the answer, end without a word to anybody."""
    code: Any = 3
    try:
        began = time.monotonic()
        out = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
        os.dup2(out, 1)
        os.dup2(out, 2)
        os.environ.update(env)
        _move_to(tree)
        recorder = _Recorder(began)
        code = pytest.main(
            ["-q", "--tb=short", "-p", "no:cacheprovider", "-p", "no:schemathesis",
             f"--timeout={TEST_LIMIT_SECONDS}", *tests],
            plugins=[recorder],
        )  # fmt: skip
        answer.write_text(json.dumps({"code": int(code), "failed": recorder.failed}))
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(int(code))


def _move_to(tree: Path) -> None:
    """Forget the project's code as it is in the checkout; the copy is imported instead."""
    os.chdir(tree)
    sys.path[:] = [str(tree), *(p for p in sys.path if p not in ("", str(ROOT)))]
    for name in [n for n in sys.modules if n.partition(".")[0] in (*PACKAGES, "tests")]:
        del sys.modules[name]
    importlib.invalidate_caches()
