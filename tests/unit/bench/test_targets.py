"""What the table of targets takes from the raw rows."""

from typing import Any

import pytest

from bench.targets import TARGETS, Target, table

PEERS = {"Punctual": (6_000, 300), "River, best: x": (12_000, 100), "River, defaults": (1, 1)}


def _compared() -> list[dict[str, Any]]:
    return [
        {
            "peer": peer,
            "round": n,
            "measure": "batch",
            "jobs": 1_000,
            "done_s": 1_000 / (rate * n),
            "product_us": cost / 2,
            "store_us": cost / 2,
        }
        for n in (1, 2, 3)
        for peer, (rate, cost) in PEERS.items()
    ]


def _row_of(what: str, kept: dict[str, list[dict[str, Any]]]) -> str:
    return next(line for line in table(kept).splitlines() if line.startswith(f"| {what} "))


def test_without_rows_nothing_is_claimed() -> None:
    assert all(target.found({}) is None for target in TARGETS)
    assert table({}).count("| not measured |") == len(TARGETS)


def test_a_rate_is_the_median_of_the_rounds() -> None:
    row = _row_of("batch-created, create to SUCCESS, jobs/s", {"compare": _compared()})
    assert row.endswith("| 5,000 | 12,000 | 12,000 | aim met |")


def test_it_is_compared_with_river_at_its_best() -> None:
    row = _row_of("batch-created, CPU per job, times River at its best", {"compare": _compared()})
    assert row.endswith("| reported | 1 | 3 | aim not met |")


def test_lateness_is_that_of_the_same_rate_and_time_ahead() -> None:
    rows: list[dict[str, Any]] = [
        {"created ahead s": "1", "jobs/s": 50, "p50 ms": 2.0, "p99 ms": 20.0, "early": 0},
        {"created ahead s": "30", "jobs/s": 50, "p50 ms": 7.0, "p99 ms": 70.0, "early": 3},
        {
            "created ahead s": "due at once",
            "jobs/s": 50,
            "p50 ms": 3.0,
            "p99 ms": 14.0,
            "early": None,
        },
    ]
    assert "| 2 | must met |" in _row_of("lateness p50, 1 s ahead, 50/s, ms", {"lateness": rows})
    assert "| **must not met** |" in _row_of(
        "lateness p99, 1 s ahead, 50/s, ms", {"lateness": rows}
    )
    assert "| 14 | aim met |" in _row_of("due at once p99, 50/s, ms", {"lateness": rows})
    assert "| 3 | **must not met** |" in _row_of("began before due, jobs", {"lateness": rows})


def test_growth_is_the_dearest_by_the_first() -> None:
    rows = [
        {"product µs": product, "postgres µs": postgres}
        for product, postgres in ((60, 40), (90, 90), (80, 40))
    ]
    row = _row_of("cost per job, the most pending to the fewest, times", {"growth": rows})
    assert "| 1.8 | must met |" in row


def test_a_drain_is_measured_by_the_burn_down() -> None:
    kept: dict[str, list[dict[str, Any]]] = {"burst": [{"drained/s": 700}]}
    assert "| not measured |" in _row_of("their drain by the burn-down rate", kept)
    kept["burn_down"] = [{"burnt down/s": 1_000}]
    row = _row_of("their drain by the burn-down rate", kept)
    assert "| 0.7 | **must not met** |" in row


@pytest.mark.parametrize(
    ("value", "more", "said"),
    [
        (10, True, "aim met"),
        (7, True, "must met"),
        (4, True, "**must not met**"),
        (5, False, "aim met"),
        (5, True, "must met"),
    ],
)
def test_more_is_better_only_where_it_is(value: float, more: bool, said: str) -> None:
    must, aim = (5, 10) if more else (10, 5)
    assert Target("x", must, aim, lambda kept: value, more=more).verdict(value) == said
