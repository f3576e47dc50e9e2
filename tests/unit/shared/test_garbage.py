"""What is there at start-up is never walked through again."""

import gc
from collections.abc import Iterator

import pytest

from shared.runtime import garbage


@pytest.fixture
def _as_it_was() -> Iterator[None]:
    thresholds = gc.get_threshold()
    yield
    gc.unfreeze()
    gc.set_threshold(*thresholds)


@pytest.mark.usefixtures("_as_it_was")
def test_what_is_there_is_left_alone_and_what_comes_is_still_collected() -> None:
    """The collector looks later and at less, and finds a circle as before."""
    garbage.settle()
    assert gc.get_freeze_count() > 1_000
    assert gc.get_threshold()[0] == garbage.YOUNG_OBJECTS
    circle: list[object] = []
    circle.append(circle)
    del circle
    assert gc.collect() >= 1
