"""A daemon is found, ended and never confused with a stranger that got its pid."""

import os
import signal
import sys
from pathlib import Path

import pytest

from punctual.local.processes import Daemon, run_to_end
from tests.support.waiting import wait_until

SLEEPER = [sys.executable, "-c", "import time; print('up', flush=True); time.sleep(600)"]
IGNORE_SIGTERM = "import signal; signal.signal(signal.SIGTERM, signal.SIG_IGN); "
STUBBORN = [sys.executable, "-c", IGNORE_SIGTERM + SLEEPER[2]]


def _start(daemon: Daemon, command: list[str]) -> int:
    pid = daemon.start(command, env=os.environ, cwd=Path("/"))
    wait_until(lambda: daemon.log_tail() == "up", what="it has printed its line")
    return pid


def test_a_daemon_is_known_by_its_pid_file_until_it_is_stopped(tmp_path: Path) -> None:
    daemon = Daemon(tmp_path, "sleeper")
    pid = _start(daemon, SLEEPER)
    assert int((tmp_path / "pids" / "sleeper.pid").read_text()) == pid
    assert Daemon(tmp_path, "sleeper").pid() == pid
    assert os.getsid(pid) == pid, "it must not get the Ctrl-C of our terminal"
    daemon.stop(limit_seconds=5)
    assert daemon.pid() is None
    assert not daemon.pid_file.exists()


def test_a_daemon_that_ignores_sigterm_is_killed(tmp_path: Path) -> None:
    daemon = Daemon(tmp_path, "stubborn")
    _start(daemon, STUBBORN)
    daemon.stop(limit_seconds=0.2)
    assert daemon.pid() is None


def test_a_killed_daemon_is_seen_as_gone_and_may_start_again(tmp_path: Path) -> None:
    daemon = Daemon(tmp_path, "sleeper")
    first = _start(daemon, SLEEPER)
    with pytest.raises(RuntimeError, match="runs already"):
        daemon.start(SLEEPER, env=os.environ, cwd=Path("/"))
    daemon.send(signal.SIGKILL)
    assert daemon.gone(within_seconds=5)
    second = daemon.start(SLEEPER, env=os.environ, cwd=Path("/"))
    assert second != first
    daemon.stop(limit_seconds=5)


def test_a_stranger_with_the_pid_of_a_dead_daemon_is_not_touched(tmp_path: Path) -> None:
    daemon = Daemon(tmp_path, "sleeper")
    _start(daemon, SLEEPER)
    daemon.send(signal.SIGKILL)
    assert daemon.gone(within_seconds=5)
    daemon.pid_file.write_text(str(os.getpid()))
    assert daemon.pid() is None
    daemon.stop(limit_seconds=5)


def test_a_command_that_takes_too_long_is_killed(tmp_path: Path) -> None:
    code = run_to_end(
        SLEEPER, env=os.environ, cwd=Path("/"), log_file=tmp_path / "log", limit_seconds=0.2
    )
    assert code == -signal.SIGKILL
