"""Tables and bars of `bench.compare`, made of its raw rows alone."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from bench.bars import Bar, bars
from bench.figures import Spread, ratios

Row = Mapping[str, Any]
OURS = "Punctual"
WAYS = {
    "batch": "Created in batches, end to end",
    "single": "Created one by one on 64 connections, end to end",
}
LATE_TITLE = "Lateness of jobs created 1 s before they are due, 50 a second"


def as_text(row: Row) -> str:
    """A raw row in one line."""
    head = f"{row['peer']:<56}"
    if "error" in row:
        return f"{head} FAILED {row['error']}"
    if row["measure"] == "late":
        return f"{head} late    p50 {row['p50_ms']:.1f} ms  p99 {row['p99_ms']:.1f} ms"
    return (
        f"{head} {row['measure']:<7} {row['jobs']} jobs {row['jobs'] / row['done_s']:,.0f}/s  "
        f"CPU us per job: product {row['product_us']:.0f} store {row['store_us']:.0f}"
    )


def tables(about: Mapping[str, Mapping[str, str]], rows: Sequence[Row]) -> str:
    """Markdown: a table for each measure, then promises, versions, and who was not run and why."""
    lines: list[str] = []
    for way, title in WAYS.items():
        lines += [f"### {title}", "", f"![{title}](benchmarks/{way}.svg)", "", *_rates(way, rows)]
    lines += [f"### {LATE_TITLE}", "", f"![{LATE_TITLE}](benchmarks/late.svg)", "", *_late(rows)]
    lines += [
        "### What each stores and promises",
        "",
        "| system | version | it stores and promises |",
    ]
    lines += ["|---|---|---|"]
    versions = about["versions"]
    lines += [
        f"| {name} | {versions.get(name, 'not run')} | {text} |"
        for name, text in about["promises"].items()
    ]
    gone = {name: f"was not run: {reason}" for name, reason in about["missing"].items()}
    gone |= {
        row["peer"]: f"failed in round {row['round']}: {row['error']}"
        for row in rows
        if "error" in row
    }
    lines += ["", *(f"- {name} {why}" for name, why in gone.items())]
    return "\n".join(lines).rstrip() + "\n"


def pictures(rows: Sequence[Row]) -> dict[str, str]:
    """SVG by the name of its file."""
    drawn = {
        f"{way}.svg": bars(
            f"{title}: jobs a second",
            [Bar(name, _rate_of(found), name == OURS) for name, found in _by_peer(way, rows)],
        )
        for way, title in WAYS.items()
    }
    late = [
        Bar(name, Spread.of([row["p99_ms"] for row in found]), name == OURS)
        for name, found in _by_peer("late", rows)
    ]
    return {**drawn, "late.svg": bars("Lateness, p99 in ms (less is better)", late)}


def _rates(way: str, rows: Sequence[Row]) -> list[str]:
    lines = [
        (
            "| system | jobs | jobs/s (least–most) | Punctual's rate | created/s | CPU µs per job: product "
            "| store | client | Punctual's CPU, product and store |"
        ),
        "|---|---:|---:|---:|---:|---:|---:|---:|---:|",
    ]
    ours = [row for row in rows if row["peer"] == OURS and row.get("measure") == way]
    for name, found in _by_peer(way, rows):
        rate = _rate_of(found)
        created = Spread.of([row["jobs"] / row["created_s"] for row in found])
        costs = [
            Spread.of([cost(row) for row in found]).median
            for cost in (_product, _store, lambda row: row["cpu_us"]["client"])
        ]
        lines.append(
            f"| {name} | {found[0]['jobs']:,} | {_spread(rate, '{:,.0f}'.format)} "
            f"| {_verdict(ours, found, _rate, name, ('faster', 'slower'))} | {created.median:,.0f} "
            f"| {costs[0]:,.0f} | {costs[1]:,.0f} | {costs[2]:,.0f} "
            f"| {_verdict(ours, found, _cpu, name, ('more', 'less'))} |"
        )
    return [*lines, ""]


def _late(rows: Sequence[Row]) -> list[str]:
    lines = [
        "| system | jobs | p50 ms (least–most) | p99 ms (least–most) | max ms | early | Punctual's p99 |",
        "|---|---:|---:|---:|---:|---:|---:|",
    ]
    ours = [row for row in rows if row["peer"] == OURS and row.get("measure") == "late"]
    for name, found in _by_peer("late", rows):
        p50, p99 = (Spread.of([row[f"p{rank}_ms"] for row in found]) for rank in (50, 99))
        lines.append(
            f"| {name} | {found[0]['jobs']:,} | {_spread(p50, '{:,.1f}'.format)} "
            f"| {_spread(p99, '{:,.1f}'.format)} "
            f"| {max(row['max_ms'] for row in found):,.1f} | {sum(row['early'] for row in found)} "
            f"| {_verdict(ours, found, _p99, name, ('later', 'less late'))} |"
        )
    return [*lines, ""]


def _verdict(
    ours: Sequence[Row], theirs: Sequence[Row], value: Any, name: str, words: tuple[str, str]
) -> str:
    """How Punctual's figure stands to theirs: `faster 3.1× (2.9–3.3)`. Where rounds do not agree it is level.
    What is worse for Punctual is set in bold."""
    if name == OURS:
        return ""
    found = ratios(
        {row["round"]: value(row) for row in ours}, {row["round"]: value(row) for row in theirs}
    )
    if found is None:
        return "not measured in the same round"
    if found.least <= 1 <= found.most:
        return f"level: {_spread(found, _times)}"
    shown = _spread(found, _times)
    if found.most < 1:
        shown = _spread(Spread(1 / found.median, 1 / found.most, 1 / found.least), _times)
    word = words[0] if found.least > 1 else words[1]
    worse = word in WORSE
    return f"**{word} {shown}**" if worse else f"{word} {shown}"


WORSE = frozenset({"slower", "more", "later"})


def _spread(values: Spread, shown: Callable[[float], str]) -> str:
    """The median, and the least and the most where there was more than one round."""
    if values.least == values.most:
        return shown(values.median)
    return f"{shown(values.median)} ({shown(values.least)}–{shown(values.most)})"


def _times(ratio: float) -> str:
    return f"{ratio:.0f}×" if ratio >= 10 else f"{ratio:.2g}×"


def _by_peer(measure: str, rows: Sequence[Row]) -> list[tuple[str, list[Row]]]:
    found: dict[str, list[Row]] = {}
    for row in rows:
        if row.get("measure") == measure:
            found.setdefault(row["peer"], []).append(row)
    return list(found.items())


def _rate_of(rows: Sequence[Row]) -> Spread:
    return Spread.of([_rate(row) for row in rows])


def _rate(row: Row) -> float:
    return float(row["jobs"] / row["done_s"])


def _cpu(row: Row) -> float:
    return _product(row) + _store(row)


def _product(row: Row) -> float:
    return float(row["product_us"])


def _store(row: Row) -> float:
    return float(row["store_us"])


def _p99(row: Row) -> float:
    return float(row["p99_ms"])
