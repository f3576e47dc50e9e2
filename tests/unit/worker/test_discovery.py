"""Finding job types in the tree and in directories of the settings."""

import os
from pathlib import Path

import pytest

from worker_service.discovery import DiscoveryProblem, directories, discover

FILE = """
from pydantic import BaseModel
from worker_service.handler_api import job_type

class Payload(BaseModel):
    pass

@job_type("{name}", payload=Payload, timeout_seconds={timeout})
def run(payload, context):
    return None
"""


def write(directory: Path, file: str, *, name: str, timeout: float = 5) -> None:
    directory.mkdir(exist_ok=True)
    (directory / file).write_text(FILE.format(name=name, timeout=timeout))


def test_the_shipped_types_are_there() -> None:
    assert "DUMMY" in discover()


def test_directories_add_types(tmp_path: Path) -> None:
    write(tmp_path / "a", "one.py", name="ONE")
    write(tmp_path / "b", "one.py", name="TWO")
    types = discover(directories(f"{tmp_path / 'a'}{os.pathsep}{tmp_path / 'b'}"))
    assert {"DUMMY", "ONE", "TWO"} <= set(types)
    assert types["ONE"].lane == "thread"
    assert types["ONE"].timeout_seconds == 5


def test_a_comma_parts_directories_too() -> None:
    assert directories("/a, /b") == [Path("/a"), Path("/b")]
    assert directories("") == []


def test_two_of_one_name_name_both_places(tmp_path: Path) -> None:
    write(tmp_path, "mine.py", name="DUMMY")
    with pytest.raises(DiscoveryProblem, match=r"handlers\.dummy.*mine\.py"):
        discover([tmp_path])


def test_a_missing_directory_stops_the_start(tmp_path: Path) -> None:
    with pytest.raises(DiscoveryProblem, match="no directory"):
        discover([tmp_path / "absent"])


def test_a_broken_file_is_named(tmp_path: Path) -> None:
    (tmp_path / "broken.py").write_text("1 / 0")
    with pytest.raises(DiscoveryProblem, match=r"broken\.py: ZeroDivisionError"):
        discover([tmp_path])


@pytest.mark.parametrize(("name", "timeout"), [("with space", 5), ("1ST", 5), ("OK", 0)])
def test_limits_are_checked_when_the_file_is_loaded(
    tmp_path: Path, name: str, timeout: float
) -> None:
    write(tmp_path, "odd.py", name=name, timeout=timeout)
    with pytest.raises(DiscoveryProblem, match="ValueError"):
        discover([tmp_path])
