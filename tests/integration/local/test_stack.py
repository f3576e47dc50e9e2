"""Starting and stopping a whole stack leaves alone what it did not start."""

import os
import sys
from pathlib import Path

import pytest

from punctual.local.problems import MissingComponent
from punctual.local.processes import Daemon
from punctual.local.stack import Options, Stack
from tests.support.components import state_directory


def test_a_failed_up_stops_what_it_started_and_leaves_what_ran_before(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("PUNCTUAL_PG_BIN", "/nowhere")
    with state_directory() as root:
        before = Daemon(root, "worker-9")
        sleep = [sys.executable, "-c", "import time; time.sleep(600)"]
        before.start(sleep, env=os.environ, cwd=Path("/"))
        stack = Stack(Options(root, auto_ports=True, kafka_bootstrap="127.0.0.1:1"))
        try:
            with pytest.raises(MissingComponent, match="PUNCTUAL_PG_BIN"):
                stack.up()
            assert stack.running() == ["worker-9"]
        finally:
            stack.down()
        assert stack.running() == []


def test_reset_removes_only_what_is_ours() -> None:
    with state_directory() as root:
        (root / "mine.txt").write_text("not the stack's")
        (root / "logs").mkdir()
        Stack(Options(root)).reset()
        assert [path.name for path in root.iterdir()] == ["mine.txt"]
