"""What is built for the peers is built once for the same sources, and never kept half made."""

from pathlib import Path

import pytest

from bench.peers.building import built, call
from bench.peers.peer import Missing


class Builder:
    """Writes a file, unless it is to fail; counts."""

    def __init__(self) -> None:
        self.times = 0
        self.fails = False

    def __call__(self, folder: Path) -> None:
        self.times += 1
        (folder / "half").write_text("made")
        if self.fails:
            raise Missing("no compiler")
        (folder / "whole").write_text(str(self.times))


@pytest.fixture
def source(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    path = tmp_path / "main.go"
    path.write_text("one")
    return path


def test_it_is_built_once_for_the_same_sources(source: Path) -> None:
    build = Builder()
    first, second = (built("toy", [source], build) for _ in range(2))
    assert (first, build.times) == (second, 1)
    assert (first / "whole").read_text() == "1"


def test_other_sources_make_another_folder(source: Path) -> None:
    build = Builder()
    first = built("toy", [source], build)
    source.write_text("two")
    second = built("toy", [source], build)
    assert first != second
    assert (second / "whole").read_text() == "2"


def test_what_failed_is_built_again_from_nothing(source: Path) -> None:
    build = Builder()
    build.fails = True
    with pytest.raises(Missing, match="no compiler"):
        built("toy", [source], build)
    build.fails = False
    folder = built("toy", [source], build)
    assert (build.times, (folder / "whole").read_text()) == (2, "2")


def test_a_tool_that_is_not_here_is_named(tmp_path: Path) -> None:
    with pytest.raises(Missing, match="no-such-tool is not on this machine"):
        call(["no-such-tool", "build"], cwd=tmp_path)


def test_a_tool_that_fails_is_quoted(tmp_path: Path) -> None:
    with pytest.raises(Missing, match="sh failed: no network"):
        call(["sh", "-c", "echo no network >&2; exit 3"], cwd=tmp_path)
