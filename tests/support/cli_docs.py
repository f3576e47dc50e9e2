"""The verbs in docs/cli.md, written from what `--help` says.

python -m tests.support.cli_docs --write
"""

import io
import re
import sys
from collections.abc import Iterator
from pathlib import Path

from cyclopts import App
from rich.console import Console

from punctual.cli.app import app
from tests.support.marked_text import with_part
from tests.support.source_files import ROOT

PAGE: Path = ROOT / "docs" / "cli.md"
PART = "verbs"
WIDTH = 200

_COMMON = re.compile(r"\n*^Connection and form:\n(?:^  .*\n)+", re.MULTILINE)
_END = re.compile(r"\n*^Exit codes: .*", re.MULTILINE | re.DOTALL)
_VERB_ITSELF = ("--help", "-h", "--version")


def verbs() -> list[tuple[str, ...]]:
    """Every verb by its words: those of groups, then those that stand alone."""
    found = list(_below(app))
    return [*(words for words in found if len(words) > 1), *(w for w in found if len(w) == 1)]


def _below(group: App) -> Iterator[tuple[str, ...]]:
    for name in _commands(group):
        inside = list(_below(group.resolved_commands()[name]))
        yield from ((name, *words) for words in inside) if inside else [(name,)]


def help_of(words: tuple[str, ...]) -> str:
    """What `--help` prints for it, unless it is a terminal."""
    out = io.StringIO()
    app.help_formatter = "plain"
    app.help_print(list(words), console=Console(file=out, width=WIDTH, color_system=None))
    return "\n".join(line.rstrip() for line in out.getvalue().splitlines()).strip() + "\n"


def common() -> str:
    """The options that every verb has."""
    found = _COMMON.search(help_of(verbs()[0]))
    assert found is not None
    return "\n".join(line.strip() for line in found[0].strip().splitlines()[1:]) + "\n"


def part() -> str:
    """The generated part of the page."""
    return f"## Options of every verb\n\n{_fence(common())}\n## Verbs\n\n" + "\n".join(_sections())


def _sections() -> Iterator[str]:
    for words in verbs():
        text = _END.sub("", _COMMON.sub("\n", help_of(words))).strip() + "\n"
        yield f"### punctual {' '.join(words)}\n\n{_fence(text)}"


def _fence(text: str) -> str:
    return f"```text\n{text}```\n"


def _commands(group: App) -> list[str]:
    return [name for name in group.resolved_commands() if name not in _VERB_ITSELF]


if __name__ == "__main__":
    if "--write" in sys.argv[1:]:
        PAGE.write_text(with_part(PAGE.read_text(), PART, part()))
    else:
        sys.stdout.write(part())
