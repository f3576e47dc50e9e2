"""Sizes of the scenarios: of the page, quick ones, and those of a command line."""

import pytest

from bench.scenarios.__main__ import SCENARIOS
from bench.scenarios.scenario import Scenario, sizes_of

TOY = Scenario(
    name="toy",
    title="Toy",
    says="",
    given=("n",),
    sizes={"jobs": 1_000, "sleep_ms": (1, 20), "rate": 5.0},
    quick={"jobs": 10, "sleep_ms": (1,), "rate": 5.0},
    measure=lambda stack, sizes: [],
)


def test_without_words_the_sizes_are_those_of_the_page() -> None:
    assert sizes_of(TOY, []) == (TOY.sizes, False)


def test_quick_ones_are_small_and_a_word_goes_before_them() -> None:
    assert sizes_of(TOY, ["--quick", "--write"]) == (TOY.quick, True)
    found, _ = sizes_of(TOY, ["--quick", "--sleep-ms", "7", "8", "--rate", "2"])
    assert found == {"jobs": 10, "sleep_ms": (7, 8), "rate": 2.0}


def test_the_command_makes_the_same_sizes_again() -> None:
    words = TOY.command(TOY.quick).split()
    assert words[:3] == ["python", "-m", "bench.scenarios.toy"]
    assert sizes_of(TOY, words[3:]) == (TOY.quick, False)


@pytest.mark.parametrize("scenario", SCENARIOS, ids=lambda scenario: scenario.name)
def test_each_scenario_has_a_quick_form_with_the_same_arguments(scenario: Scenario) -> None:
    assert scenario.sizes.keys() == scenario.quick.keys()
    assert sizes_of(scenario, scenario.command(scenario.sizes).split()[3:])[0] == scenario.sizes
