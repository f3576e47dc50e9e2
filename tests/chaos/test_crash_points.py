"""Each crash point of docs/crash_points.md, exactly there, three seeds each, on one stack that runs on."""

import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.crash_points import POINTS, CrashPoint
from tests.support.crash_world import World, world_with

SEEDS = (1, 2, 3)


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    """The stack of all of them."""
    directory: Path = tmp_path_factory.mktemp("failpoints")
    with world_with(directory) as world:
        yield world


@pytest.mark.parametrize("point", POINTS, ids=lambda point: f"{point.name}-{point.point}")
def test_it_ends_as_its_row_says(world: World, point: CrashPoint) -> None:
    """G1, G2, G3, G4, G7: whoever dies there, and whatever answer is lost: no job is lost, no result is
    accepted twice, the history is whole."""
    began = time.time()
    world.all_ready()
    rounds = [world.once(point, seed) for seed in SEEDS]
    healed_at = time.time()
    ids = [job for jobs in rounds for job in jobs]
    verdict = world.settled(ids, since=healed_at)
    print(f"{point.name} {point.point}: {time.time() - began:.1f} s, {len(ids)} jobs, {verdict}")
    world.ends_as_it_says(point, ids)
