"""The schedule of faults: the same seed, the same faults; enough of them, of many kinds; none of one group at
once."""

from itertools import combinations, pairwise
from typing import Any

import pytest

from tests.chaos.harness.catalogue import catalogue
from tests.chaos.harness.schedule import CALM_SECONDS, Kind, make_schedule

SECONDS = 600.0
COUNTS = {"worker": 3, "scheduler": 2, "job": 2}


class NamesOnly:
    """As much of a world as the kinds need."""

    def names(self, role: str) -> list[str]:
        return [f"{role}-{n}" for n in range(1, COUNTS[role] + 1)]


def _kinds() -> list[Kind]:
    world: Any = NamesOnly()
    clients: Any = None
    return list(catalogue(world, clients))


def test_one_seed_replays_the_choice_of_faults() -> None:
    assert make_schedule(7, SECONDS, _kinds()) == make_schedule(7, SECONDS, _kinds())
    assert make_schedule(7, SECONDS, _kinds()) != make_schedule(8, SECONDS, _kinds())


@pytest.mark.parametrize("seed", range(1, 21))
def test_ten_minutes_have_150_faults_of_20_kinds_and_calm_between_the_rounds(seed: int) -> None:
    faults = make_schedule(seed, SECONDS, _kinds())
    assert len(faults) >= 150
    assert len({fault.kind for fault in faults}) >= 20
    pauses = [later.start - earlier.start for earlier, later in pairwise(faults)]
    assert sum(pause >= CALM_SECONDS for pause in pauses) == 3


@pytest.mark.parametrize("seed", range(1, 21))
def test_no_two_faults_of_a_group_at_once(seed: int) -> None:
    for one, other in combinations(make_schedule(seed, SECONDS, _kinds()), 2):
        if {one.target, *one.groups} & {other.target, *other.groups}:
            assert other.start >= one.start + one.seconds


def test_three_minutes_have_faults_of_12_kinds() -> None:
    """What CI runs."""
    faults = make_schedule(1, 180.0, _kinds())
    assert len({fault.kind for fault in faults}) >= 12
