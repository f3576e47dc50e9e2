"""The plugin for pytest is loaded by every run of pytest where Punctual is installed: it must cost nothing."""

import subprocess
import sys
from importlib.metadata import entry_points

LIMIT_SECONDS = 60
LOADED = """
import sys
import pytest
before = set(sys.modules)
import worker_service.pytest_plugin
print(*sorted(set(sys.modules) - before))
"""


def test_pytest_finds_it() -> None:
    (point,) = entry_points(group="pytest11", name="punctual")
    assert point.value == "worker_service.pytest_plugin"


def test_it_imports_nothing_before_a_test_asks() -> None:
    done = subprocess.run(
        [sys.executable, "-c", LOADED],
        capture_output=True,
        text=True,
        timeout=LIMIT_SECONDS,
        check=True,
    )
    assert done.stdout.split() == ["worker_service", "worker_service.pytest_plugin"]
