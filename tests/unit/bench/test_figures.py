"""Medians, ratios and percentiles."""

import pytest

from bench.figures import Spread, Throughput, percentile, ratios


def test_a_spread_is_the_median_the_least_and_the_most() -> None:
    assert Spread.of([5.0, 1.0, 9.0, 2.0]) == Spread(3.5, 1.0, 9.0)


def test_ratios_are_made_inside_a_round() -> None:
    # By medians over all it would be 20 / 20: the machine was ten times faster in the second round.
    found = ratios({1: 20.0, 2: 200.0}, {1: 10.0, 2: 50.0})
    assert found == Spread(3.0, 2.0, 4.0)


def test_a_round_that_only_one_of_them_has_makes_no_ratio() -> None:
    assert ratios({1: 20.0, 2: 200.0}, {2: 50.0, 3: 1.0}) == Spread(4.0, 4.0, 4.0)
    assert ratios({1: 20.0}, {2: 50.0}) is None


@pytest.mark.parametrize(("rank", "value"), [(1, 1.0), (50, 50.0), (99, 99.0), (100, 100.0)])
def test_a_percentile_is_a_value_that_was_measured(rank: int, value: float) -> None:
    assert percentile([float(n) for n in range(1, 101)], rank) == value


def test_a_percentile_of_one_value_is_that_value() -> None:
    assert percentile([7.0], 1) == percentile([7.0], 99) == 7.0


def test_the_client_is_neither_product_nor_store() -> None:
    costs = {
        "client": 1.0,
        "worker": 2.0,
        "job": 4.0,
        "postgres": 8.0,
        "kafka": 16.0,
        "redis": 32.0,
    }
    found = Throughput(jobs=100, created=1.0, done=4.0, cpu_us=costs)
    assert (found.rate, found.product_us(), found.store_us()) == (25.0, 6.0, 56.0)
