"""docs/benchmarks.md and the raw rows beside it: what is between its markers is made of the rows alone.

    python -m bench.pages

writes the page anew from the rows that lie there.
"""

import json
import sys
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from bench import compare_tables
from bench.targets import table
from tests.support.marked_text import with_part

DOCS = Path(__file__).parents[1] / "docs"
PAGE = DOCS / "benchmarks.md"
RAW = DOCS / "benchmarks"


@dataclass(frozen=True)
class Taken:
    """One run of a bench: its command, the machine, its raw rows, and what is to be said about it."""

    command: str
    machine: Mapping[str, Any]
    rows: Sequence[Mapping[str, Any]]
    about: Mapping[str, Any] = field(default_factory=dict)
    at: str = field(default_factory=lambda: datetime.now(UTC).isoformat(timespec="minutes"))


def write(name: str, taken: Taken) -> None:
    """Keep the rows and write the page anew."""
    RAW.mkdir(exist_ok=True)
    (RAW / f"{name}.json").write_text(
        json.dumps(asdict(taken), indent=1, ensure_ascii=False) + "\n"
    )
    if name == "compare":
        for file, text in compare_tables.pictures(taken.rows).items():
            (RAW / file).write_text(text)
    PAGE.write_text(page(PAGE.read_text()))


def read(name: str) -> Taken:
    """What was kept."""
    return Taken(**json.loads((RAW / f"{name}.json").read_text()))


def page(text: str) -> str:
    """The page with its parts made of the rows that were kept."""
    if (RAW / "compare.json").exists():
        text = with_part(text, "compare", compare_part(read("compare")))
    kept = {path.stem: read(path.stem) for path in sorted(RAW.glob("*.json"))}
    alone = [scenario_part(taken) for name, taken in kept.items() if name != "compare"]
    text = with_part(text, "scenarios", "\n".join(alone))
    return with_part(text, "targets", table({name: taken.rows for name, taken in kept.items()}))


def compare_part(taken: Taken) -> str:
    """Of the peers."""
    return f"{_head(taken)}\n{compare_tables.tables(taken.about, taken.rows)}"


def scenario_part(taken: Taken) -> str:
    """A table with the columns of the rows."""
    columns = list(dict.fromkeys(column for row in taken.rows for column in row))
    lines = [f"### {taken.about['title']}", "", taken.about["says"], "", _head(taken)]
    lines += [f"| {' | '.join(columns)} |", f"|{'---:|' * len(columns)}"]
    lines += [
        f"| {' | '.join(_cell(row.get(column)) for column in columns)} |" for row in taken.rows
    ]
    return "\n".join(lines) + "\n"


def _head(taken: Taken) -> str:
    facts = taken.machine
    return (
        f"`{taken.command}`, {taken.at}; {facts['cores']} cores ({facts['cpu']}), kernel {facts['kernel']}, "
        f"Python {facts['python']}, load before {facts['load_1min']}.\n"
    )


def _cell(value: object) -> str:
    if value is None:
        return ""
    if isinstance(value, float):
        return f"{value:,.0f}" if value >= 100 else f"{value:,.3g}"
    return f"{value:,}" if isinstance(value, int) else str(value)


def main() -> int:
    """The command."""
    PAGE.write_text(page(PAGE.read_text()))
    return 0


if __name__ == "__main__":
    sys.exit(main())
