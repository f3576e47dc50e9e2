"""S7: a DNS server that changes its answer between two look-ups, in a network namespace with real sockets."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.support.components import missing
from tests.support.source_files import ROOT

LIMIT_SECONDS = 60.0


@pytest.fixture(scope="module")
def seen(tmp_path_factory: pytest.TempPathFactory) -> Any:
    """What the program in the namespace saw."""
    if os.geteuid() != 0 or not shutil.which("unshare") or not shutil.which("ip"):
        missing("a network namespace: this needs root, unshare and ip")
    command = ["unshare", "--net", "--mount"]
    if subprocess.run([*command, "true"], capture_output=True, check=False).returncode != 0:
        missing("a network namespace: the kernel gives this process none")
    scratch: Path = tmp_path_factory.mktemp("rebinding")
    ran = subprocess.run(
        [*command, sys.executable, "-m", "tests.support.rebinding", str(scratch)],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=LIMIT_SECONDS,
        check=False,
    )
    assert ran.returncode == 0, ran.stderr[-3_000:]
    return json.loads(ran.stdout)


def test_a_call_goes_where_the_first_answer_led(seen: Any) -> None:
    """The name turns to a private address right after it was looked at. One call asks once."""
    first, second = seen["turns"]
    assert first == "outside"
    assert second.startswith("final: ")
    assert "turns.test is 10.0.0.7, which is a private address" in second
    assert seen["asked"] == 2


@pytest.mark.parametrize("name", ["inside", "both", "mapped"])
def test_one_bad_answer_of_any_kind_is_enough(seen: Any, name: str) -> None:
    (said,) = seen[name]
    assert said.startswith("final: ")
    assert "which is a " in said


def test_a_redirect_is_looked_up_anew(seen: Any) -> None:
    assert seen["moves"].startswith("final: ")
    assert "moves.test is 10.0.0.7" in seen["moves"]


def test_nobody_inside_was_called(seen: Any) -> None:
    """And somebody is there to be called."""
    assert seen["inside calls"] == 0
    assert seen["outside"] == 1
    assert seen["without a guard"] == "inside"
