"""bench/results/latest.json: the figures of the last bench as flat rows, for programs (contract.md section 6).

A list of `{"scenario", "system", "value", "unit", "rounds", "params"}`: `scenario` is what was measured and the
figure, as `lateness: p99`; `value` the median over `rounds`; `params` what was asked for, with the command.
"""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from bench.figures import Spread

LATEST = Path(__file__).parent / "results" / "latest.json"
OURS = "Punctual"
UNITS = ("ms", "s", "µs", "MB", "%", "% of a core")

Row = dict[str, Any]


def begin(file: Path = LATEST) -> None:
    """A bench of everything begins: what lies there is of another one."""
    file.unlink(missing_ok=True)


def keep(name: str, rows: Sequence[Row], file: Path = LATEST) -> None:
    """Put the rows of one measurement into the file, in place of those that it had there."""
    file.parent.mkdir(exist_ok=True)
    before = json.loads(file.read_text()) if file.exists() else []
    kept = [row for row in before if row["scenario"].partition(": ")[0] != name]
    file.write_text(json.dumps([*kept, *rows], indent=1, ensure_ascii=False) + "\n")


def of_scenario(
    name: str, command: str, given: Sequence[str], rows: Sequence[Mapping[str, Any]]
) -> list[Row]:
    """Each number of each row by itself, but for the columns that were `given`."""
    return [
        _row(name, column, OURS, [value], {"command": command, **_only(row, given)})
        for row in rows
        for column, value in row.items()
        if column not in given and isinstance(value, int | float)
    ]


def of_compare(name: str, command: str, rows: Sequence[Mapping[str, Any]]) -> list[Row]:
    """Medians over the rounds of each system; what failed has none."""
    found: dict[tuple[str, str], list[Mapping[str, Any]]] = {}
    for row in rows:
        if "error" not in row:
            found.setdefault((row["peer"], row["measure"]), []).append(row)
    return [
        _row(name, f"{measure} {figure}", peer, values, {"command": command, "jobs": jobs})
        for (peer, measure), turns in found.items()
        for jobs in [turns[0]["jobs"]]
        for figure, values in _figures(turns).items()
    ]


def _figures(turns: Sequence[Mapping[str, Any]]) -> dict[str, list[float]]:
    if "done_s" not in turns[0]:
        return {
            f"{key.removesuffix('_ms')} ms": [row[key] for row in turns]
            for key in turns[0]
            if key.endswith("_ms")
        }
    return {
        "jobs/s": [round(row["jobs"] / row["done_s"], 1) for row in turns],
        "created jobs/s": [round(row["jobs"] / row["created_s"], 1) for row in turns],
        "CPU of the product µs": [row["product_us"] for row in turns],
        "CPU of the stores µs": [row["store_us"] for row in turns],
    }


def _row(
    name: str, column: str, system: str, values: Sequence[float], params: Mapping[str, Any]
) -> Row:
    figure, unit = _parted(column)
    return {
        "scenario": f"{name}: {figure}",
        "system": system,
        "value": Spread.of(values).median,
        "unit": unit,
        "rounds": len(values),
        "params": dict(params),
    }


def _parted(column: str) -> tuple[str, str]:
    """A column's name as figure and unit: `p99 ms`, `drained/s`; what has none is a count."""
    for unit in UNITS:
        if column.endswith(f" {unit}"):
            return column.removesuffix(f" {unit}").rstrip(","), unit
    if column.endswith("/s") or "/s " in column:
        return column.replace("jobs/s", "rate").replace("/s", ""), "jobs/s"
    return column, "count"


def _only(row: Mapping[str, Any], columns: Sequence[str]) -> Row:
    return {column: row[column] for column in columns if column in row}
