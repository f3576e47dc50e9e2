"""README.md as a person follows it: its fenced blocks, and a shell in a copy of the tree to type them into."""

import os
import re
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from uuid import uuid4

from tests.support.source_files import ROOT

README = ROOT / "README.md"
_FENCE = re.compile(r"(?P<before>[^\n]*)\n+```(?P<lang>\w*)\n(?P<text>.*?)^```$", re.M | re.S)
_FILE = re.compile(r"Save this as `([^`]+)`")
_COMMENT = re.compile(r"\s+#\s.*$")


@dataclass(frozen=True)
class Block:
    """One fenced block. `file`: where the sentence before it says to save it."""

    lang: str
    text: str
    file: str | None

    def commands(self) -> list[str]:
        """Those of a shell block, each on one line or continued, without comments."""
        joined = self.text.replace("\\\n", " ")
        lines = (_COMMENT.sub("", line).strip() for line in joined.splitlines())
        return [line for line in lines if line and not line.startswith("#")]


def blocks(page: Path = README) -> list[Block]:
    """All of them, in order."""
    found = []
    for match in _FENCE.finditer(page.read_text()):
        named = _FILE.search(match["before"])
        found.append(Block(match["lang"], match["text"], named[1] if named else None))
    return found


@contextmanager
def copied_tree(folder: Path) -> Iterator[Path]:
    """A folder that looks like the checkout; what is made in it stays out of the checkout."""
    folder.mkdir()
    for entry in ROOT.iterdir():
        if entry.name not in {".git", ".punctual", "handlers"}:
            (folder / entry.name).symlink_to(entry)
    (folder / ".punctual").mkdir(mode=0o755)
    yield folder


class Shell:
    """A bash that remembers what was exported. Its `make` sets nothing up, its `curl` fails on a refusal."""

    LIMIT_SECONDS = 180.0
    PRELUDE = """
make() { command make SETUP_DONE=.venv/bin/python "$@"; }
curl() { command curl --fail-with-body --max-time 60 "$@"; }
"""

    def __init__(self, folder: Path) -> None:
        kept = {k: v for k, v in os.environ.items() if not k.startswith("PUNCTUAL_")}
        self._environ = {
            **kept,
            "PUNCTUAL_STATE_DIR": str(folder / ".punctual"),
            "PUNCTUAL_PORTS": "auto",
        }
        self._folder = folder
        self._exports = ""

    def run(self, command: str) -> subprocess.CompletedProcess[str]:
        """Type one command."""
        mark = f"---{uuid4().hex}"
        script = f"{self.PRELUDE}{self._exports}\n{command}\ncode=$?\necho {mark}\nexport -p\nexit $code\n"
        done = subprocess.run(
            ["bash", "-c", script],
            cwd=self._folder,
            env=self._environ,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=self.LIMIT_SECONDS,
            check=False,
        )
        said, _, exports = done.stdout.partition(mark)
        if exports:
            self._exports = exports
        return subprocess.CompletedProcess(command, done.returncode, said, done.stderr)

    def start(self, command: str) -> subprocess.Popen[str]:
        """Type one that stays in the foreground; it has a process group of its own."""
        return subprocess.Popen(
            ["bash", "-c", f"{self.PRELUDE}\n{command}"],
            cwd=self._folder,
            env=self._environ,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            start_new_session=True,
        )
