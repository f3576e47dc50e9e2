"""What Punctual is to reach, and what the raw rows say that it reaches."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from bench.figures import Spread, ratios

Row = Mapping[str, Any]
Kept = Mapping[str, Sequence[Row]]
"""Raw rows by the name of what was measured: `compare` and the scenarios."""

OURS, RIVER, PROCRASTINATE = "Punctual", "River, best", "Procrastinate, best"


@dataclass(frozen=True)
class Target:
    """A figure with what it must be and what we aim at (None: it is reported only). `found` answers None where
    nothing of it was measured; `more` says that more is better.
    """

    what: str
    must: float | None
    aim: float
    found: Callable[[Kept], float | None]
    more: bool = False

    def row(self, kept: Kept) -> str:
        """Of the table."""
        value = self.found(kept)
        must = "reported" if self.must is None else f"{self.must:,g}"
        shown = "" if value is None else f"{value:,.0f}" if value >= 100 else f"{value:.3g}"
        return f"| {self.what} | {must} | {self.aim:,g} | {shown} | {self.verdict(value)} |"

    def verdict(self, value: float | None) -> str:
        """In words; what misses its must is set in bold."""
        if value is None:
            return "not measured"
        if self._reaches(value, self.aim):
            return "aim met"
        if self.must is None:
            return "aim not met"
        return "must met" if self._reaches(value, self.must) else "**must not met**"

    def _reaches(self, value: float, limit: float) -> bool:
        return value >= limit if self.more else value <= limit


def table(kept: Kept) -> str:
    """Markdown."""
    head = ["| | must | aim | measured | |", "|---|---:|---:|---:|---|"]
    return "\n".join([*head, *(target.row(kept) for target in TARGETS)]) + "\n"


def _rounds(kept: Kept, peer: str, way: str, value: Callable[[Row], float]) -> dict[int, float]:
    """By round, of the peer whose name begins so."""
    return {
        row["round"]: value(row)
        for row in kept.get("compare", ())
        if row["peer"].startswith(peer) and row.get("measure") == way
    }


def _rate(row: Row) -> float:
    return float(row["jobs"] / row["done_s"])


def _cpu(row: Row) -> float:
    return float(row["product_us"] + row["store_us"])


def _median(way: str) -> Callable[[Kept], float | None]:
    def found(kept: Kept) -> float | None:
        rounds = _rounds(kept, OURS, way, _rate)
        return Spread.of(list(rounds.values())).median if rounds else None

    return found


def _beside(
    peer: str, way: str, value: Callable[[Row], float] = _rate
) -> Callable[[Kept], float | None]:
    def found(kept: Kept) -> float | None:
        spread = ratios(_rounds(kept, OURS, way, value), _rounds(kept, peer, way, value))
        return spread.median if spread else None

    return found


def _most(name: str, column: str, **where: Any) -> Callable[[Kept], float | None]:
    """The worst of that column in the rows of that kind."""

    def found(kept: Kept) -> float | None:
        values = [
            row[column]
            for row in kept.get(name, ())
            if column in row and all(row.get(key) == value for key, value in where.items())
        ]
        return max(values, default=None)

    return found


def _late(column: str, ahead: str, rate: int) -> Callable[[Kept], float | None]:
    return _most("lateness", column, **{"created ahead s": ahead, "jobs/s": rate})


def _early(kept: Kept) -> float | None:
    counts = [row["early"] for row in kept.get("lateness", ()) if row.get("early") is not None]
    return float(sum(counts)) if counts else None


def _growth(kept: Kept) -> float | None:
    """Cost of a job with the most pending, by that with the fewest."""
    costs = [row["product µs"] + row["postgres µs"] for row in kept.get("growth", ())]
    return max(costs) / costs[0] if len(costs) > 1 else None


def _drain(kept: Kept) -> float | None:
    """The rate at which what was due in one second was drained, as a share of the burn-down's."""
    burst, burnt = (
        _most(name, column)(kept)
        for name, column in (("burst", "drained/s"), ("burn_down", "burnt down/s"))
    )
    return burst / burnt if burst and burnt else None


TARGETS = [
    Target("batch-created, create to SUCCESS, jobs/s", 5_000, 12_000, _median("batch"), more=True),
    Target("one POST per job, 64 connections, jobs/s", 2_000, 5_000, _median("single"), more=True),
    Target(
        "batch-created, times Procrastinate", 15, 40, _beside(PROCRASTINATE, "batch"), more=True
    ),
    Target(
        "batch-created, CPU per job, times River at its best",
        None,
        1,
        _beside(RIVER, "batch", _cpu),
    ),
    Target("one by one, times River at its best", None, 1.5, _beside(RIVER, "single"), more=True),
    *(
        Target(
            f"lateness {label}, 1 s ahead, {rate:,}/s, ms",
            must,
            aim,
            _late(f"{label} ms", "1", rate),
        )
        for rate in (50, 1_000)
        for label, must, aim in (("p50", 3, 1.2), ("p99", 12, 4))
    ),
    *(
        Target(
            f"due at once {label}, {rate:,}/s, ms",
            must,
            aim,
            _late(f"{label} ms", "due at once", rate),
        )
        for rate in (50, 500)
        for label, must, aim in (("p50", 12, 4), ("p99", 60, 15))
    ),
    Target("first job after idling, ms", 20, 5, _most("idle", "answer to begin ms")),
    Target("began before due, jobs", 0, 0, _early),
    Target("cost per job, the most pending to the fewest, times", 2, 1.5, _growth),
    Target("API p99 while many are due, ms", 1_000, 300, _most("burst", "API p99 ms meanwhile")),
    Target("their drain by the burn-down rate", 0.8, 0.8, _drain, more=True),
    Target("high priority behind low ones, p99 ms", 1_000, 100, _most("priority", "p99 ms")),
    Target(
        "memory of the largest service (PSS), MB", 100, 60, _most("burn_down", "largest service MB")
    ),
    Target("CPU of the idle product, % of a core", 3, 1, _most("idle", "product, % of a core")),
]
