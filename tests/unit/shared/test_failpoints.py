"""Failpoints: inert without a directory, refused outside test mode, and what a switch does."""

import os
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from shared.runtime import failpoints
from shared.runtime.settings import ForTests, SettingsProblem, load
from tests.support.waiting import wait_until
from worker_service.settings import WorkerSettings

DIES = """
import sys
from shared.runtime import failpoints
from shared.runtime.settings import ForTests
failpoints.arm(ForTests(mode=True, failpoints=sys.argv[1]))
failpoints.hit("here")
"""


@pytest.fixture
def switches(tmp_path: Path) -> Iterator[Path]:
    """Failpoints are on, with their switches in this directory."""
    failpoints.arm(ForTests(mode=True, failpoints=str(tmp_path)))
    yield tmp_path
    failpoints.arm(ForTests())


def test_a_point_without_a_switch_does_nothing(switches: Path) -> None:
    failpoints.hit("here")
    assert list(switches.iterdir()) == []


def test_a_switch_without_test_mode_does_nothing(tmp_path: Path) -> None:
    (tmp_path / "here").write_text("drop")
    failpoints.hit("here")
    assert (tmp_path / "here").exists()


def test_a_switch_works_once_and_says_who_came(switches: Path) -> None:
    (switches / "here").write_text("drop")
    failpoints.hit("there")
    with pytest.raises(failpoints.Dropped):
        failpoints.hit("here")
    failpoints.hit("here")
    assert (switches / "here.hit").read_text().split() == ["drop", str(os.getpid())]


def test_a_switch_waits_for_the_hit_that_it_names(switches: Path) -> None:
    (switches / "here").write_text("drop 3 /leases")
    for where in ("/leases", "/reports", "/internal/v1/leases"):
        failpoints.hit("here", where)
    with pytest.raises(failpoints.Dropped):
        failpoints.hit("here", "/leases")


def test_hits_are_counted_anew_for_the_next_switch(switches: Path) -> None:
    for _ in range(2):
        (switches / "here").write_text("drop 2")
        failpoints.hit("here")
        with pytest.raises(failpoints.Dropped):
            failpoints.hit("here")


def test_who_pauses_goes_on_when_told(switches: Path) -> None:
    (switches / "here").write_text("pause")
    thread = threading.Thread(target=failpoints.hit, args=("here",))
    thread.start()
    wait_until((switches / "here.hit").exists, what="the point to be hit")
    assert thread.is_alive()
    (switches / "here.go").touch()
    thread.join(10)
    assert not thread.is_alive()


def test_a_process_dies_where_it_stands(tmp_path: Path) -> None:
    (tmp_path / "here").write_text("exit")
    ended = subprocess.run(
        [sys.executable, "-c", DIES, str(tmp_path)], timeout=60, check=False, capture_output=True
    )
    assert ended.returncode == -signal.SIGKILL


def test_an_unknown_action_is_an_error(switches: Path) -> None:
    (switches / "here").write_text("explode")
    with pytest.raises(ValueError, match="here: no such action: explode"):
        failpoints.hit("here")


@pytest.mark.parametrize(
    ("given", "says"),
    [
        ({"FAILPOINTS": "."}, "failpoints are refused outside test mode"),
        ({"FAILPOINTS": ".", "MODE": "false"}, "failpoints are refused outside test mode"),
        ({"FAILPOINTS": "/nowhere", "MODE": "true"}, "there is no directory /nowhere"),
    ],
)
def test_a_service_does_not_start_with_them(
    monkeypatch: pytest.MonkeyPatch, given: dict[str, str], says: str
) -> None:
    for name, value in given.items():
        monkeypatch.setenv(f"PUNCTUAL_TEST__{name}", value)
    with pytest.raises(SettingsProblem, match=says):
        load(WorkerSettings)
