"""The only place that writes an answer: as one JSON document, or for people.

For people: plain columns, never cut, with colours on a terminal (`NO_COLOR` takes them out). Control characters
are shown escaped: a job's name must not steer a terminal.
"""

import json
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, TextIO

from punctual.cli.problems import CliProblem

NOTHING = "-"
_STYLES = {
    "SUCCESS": "green",
    "RUNNING": "cyan",
    "SCHEDULED": "blue",
    "FAILED": "bold red",
    "STOPPED": "red",
    "ABANDONED": "red",
    "EXPIRED": "yellow",
    "CANCELLED": "yellow",
    "WAITING": "magenta",
    "live": "green",
    "silent": "yellow",
    "dead": "red",
    "paused": "yellow",
    "draining": "yellow",
    "done": "green",
    "running": "cyan",
    "matching": "cyan",
    "stopped": "yellow",
    "skipped": "yellow",
    "failed": "bold red",
}
"""Of a whole cell."""


@dataclass(frozen=True)
class Table:
    """Rows under headings. `none` is said where there are none."""

    headings: Sequence[str]
    rows: Sequence[Sequence[Any]]
    none: str


@dataclass(frozen=True)
class Fields:
    """One thing, a line for each of its fields; fields that are None are left out."""

    pairs: Sequence[tuple[str, Any]]


Shape = Table | Fields | str


class Show:
    """Writes to `out`; what is said beside the answer goes to `err`."""

    def __init__(self, *, as_json: bool, out: TextIO, err: TextIO) -> None:
        self.as_json = as_json
        self._out, self.err = out, err

    @property
    def draws(self) -> bool:
        """Whether what is said beside the answer may be drawn anew again and again."""
        return not self.as_json and self.err.isatty()

    def __call__(self, data: Any, shape: Shape) -> None:
        """The answer: `data` as JSON, or its shape for people."""
        if self.as_json:
            self._json(data)
        elif isinstance(shape, Table) and not shape.rows:
            self.line(shape.none)
        elif isinstance(shape, str):
            self.line(shape)
        else:
            self._table(shape)

    def line(self, *cells: str) -> None:
        """One line for people at once; nothing in the JSON form."""
        if not self.as_json:
            self._write([[clean(one) for one in cells]])

    def aside(self, text: str) -> None:
        """What a person should know beside the answer; nothing in the JSON form."""
        if not self.as_json:
            print(f"punctual: {clean(text)}", file=self.err, flush=True)

    def problem(self, problem: CliProblem) -> None:
        """Why it could not be done."""
        if self.as_json:
            self._json(problem.document())
        else:
            for number, text in enumerate(problem.lines()):
                print(("" if number else "punctual: ") + clean(text), file=self.err, flush=True)

    def _json(self, data: Any) -> None:
        unicode = (self._out.encoding or "").lower().replace("-", "") == "utf8"
        text = json.dumps(data, indent=2, ensure_ascii=not unicode)
        # A lone surrogate cannot be written as UTF-8, but can be escaped.
        print(text.encode("utf-8", "backslashreplace").decode(), file=self._out, flush=True)

    def _table(self, shape: Table | Fields) -> None:
        if isinstance(shape, Fields):
            self._write(
                [[n, clean(cell(v))] for n, v in shape.pairs if v is not None], bold_column=0
            )
        else:
            rows = [[clean(cell(value)) for value in row] for row in shape.rows]
            self._write([list(shape.headings), *rows], bold_row=0)

    def _write(
        self, rows: list[list[str]], *, bold_row: int | None = None, bold_column: int | None = None
    ) -> None:
        """Columns two spaces apart, as wide as they are: a terminal folds a line, and nothing is cut."""
        from rich.cells import cell_len, set_cell_size

        widths = [max(cell_len(text) for text in column) for column in zip(*rows, strict=True)]
        padded = [
            [*(set_cell_size(t, w) for t, w in zip(row[:-1], widths, strict=False)), row[-1]]
            for row in rows
        ]
        if not self._out.isatty():
            for row in padded:
                print("  ".join(row).rstrip(), file=self._out)
            self._out.flush()
            return
        from rich.console import Console
        from rich.text import Text

        console = Console(file=self._out, highlight=False, markup=False, emoji=False)
        for number, row in enumerate(padded):
            line = Text()
            for column, text in enumerate(row):
                bold = number == bold_row or column == bold_column
                line.append(text, "bold" if bold else _STYLES.get(text.strip(), ""))
                line.append("  " if column < len(row) - 1 else "")
            console.print(line, soft_wrap=True)


def cell(value: Any) -> str:
    """A value as text for people."""
    if value is None or value in ("", [], {}):
        return NOTHING
    if isinstance(value, str):
        return value
    if isinstance(value, list) and all(isinstance(item, str) for item in value):
        return ", ".join(value)
    return json.dumps(value, ensure_ascii=False)


def clean(text: str) -> str:
    """The text with what is not printable escaped."""
    return "".join(c if c.isprintable() else ascii(c)[1:-1] for c in text)


def local(text: str | None, *, milliseconds: bool = True) -> str | None:
    """A time of the API in the zone of this machine, with its offset."""
    if text is None:
        return None
    try:
        found = datetime.fromisoformat(text).astimezone()
    except (ValueError, OverflowError):
        return text
    return found.isoformat(sep=" ", timespec="milliseconds" if milliseconds else "seconds")


def to_standard_streams(*, as_json: bool) -> Show:
    """What a verb writes with. A character that the terminal cannot show is escaped, and no error."""
    for stream in (sys.stdout, sys.stderr):
        reconfigure = getattr(stream, "reconfigure", None)
        if reconfigure is not None:
            reconfigure(errors="backslashreplace")
    return Show(as_json=as_json, out=sys.stdout, err=sys.stderr)
