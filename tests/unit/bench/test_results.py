"""bench/results/latest.json: flat rows, as contract.md names them."""

import json
from pathlib import Path

import pytest

from bench import results

KEYS = {"scenario", "system", "value", "unit", "rounds", "params"}


def test_each_number_of_a_row_is_a_figure_but_for_what_was_given() -> None:
    rows = results.of_scenario(
        "lateness",
        "python -m x",
        ("jobs/s", "created ahead s"),
        [{"created ahead s": "1", "jobs/s": 50, "p99 ms": 4.5, "early": 0, "least ahead s": None}],
    )
    assert all(row.keys() == KEYS for row in rows)
    assert [(row["scenario"], row["value"], row["unit"]) for row in rows] == [
        ("lateness: p99", 4.5, "ms"),
        ("lateness: early", 0, "count"),
    ]
    assert rows[0]["params"] == {"command": "python -m x", "jobs/s": 50, "created ahead s": "1"}


@pytest.mark.parametrize(
    ("column", "figure", "unit"),
    [
        ("jobs/s", "rate", "jobs/s"),
        ("drained/s", "drained", "jobs/s"),
        ("low ones/s meanwhile", "low ones meanwhile", "jobs/s"),
        ("product, % of a core", "product", "% of a core"),
        ("job µs", "job", "µs"),
        ("left at the last", "left at the last", "count"),
    ],
)
def test_the_unit_is_that_of_the_column(column: str, figure: str, unit: str) -> None:
    (row,) = results.of_scenario("x", "", (), [{column: 2}])
    assert (row["scenario"], row["unit"]) == (f"x: {figure}", unit)


def test_of_several_rounds_it_is_the_median_and_what_failed_counts_in_none() -> None:
    turns = [
        {
            "peer": "River",
            "measure": "batch",
            "round": n,
            "jobs": 100,
            "created_s": 1.0,
            "done_s": seconds,
            "product_us": 1.0,
            "store_us": 2.0,
        }
        for n, seconds in enumerate((1.0, 2.0, 10.0))
    ]
    rows = results.of_compare("compare", "c", [*turns, {"peer": "River", "error": "gone"}])
    rate = next(row for row in rows if row["scenario"] == "compare: batch rate")
    assert (rate["system"], rate["value"], rate["rounds"]) == ("River", 50.0, 3)
    assert rate["params"] == {"command": "c", "jobs": 100}


def test_a_measurement_takes_the_place_of_its_last_one_only(tmp_path: Path) -> None:
    latest = tmp_path / "results" / "latest.json"
    results.keep("idle", results.of_scenario("idle", "", (), [{"a": 1}]), latest)
    results.keep("burst", results.of_scenario("burst", "", (), [{"b": 1}]), latest)
    results.keep("idle", results.of_scenario("idle", "", (), [{"c": 2}]), latest)
    assert [row["scenario"] for row in json.loads(latest.read_text())] == ["burst: b", "idle: c"]
    results.begin(latest)
    assert not latest.exists()
