"""What a soak's verdict rests on: slopes, limits, the picture, and kills that spare one of each role."""

import random
import xml.etree.ElementTree as ElementTree

import pytest

from tests.chaos.soak.kills import VICTIMS
from tests.chaos.soak.plot import picture
from tests.chaos.soak.samples import WATCHED
from tests.chaos.soak.trends import Series, trend

MINUTES = 20
EVERY = range(0, MINUTES * 60, 10)


def _series(value_at: dict[int, float], *, most: float = 0.1, least: float = 0.0) -> Series:
    return Series("memory", "worker-1", "MiB", list(value_at.items()), most, least)


def test_a_leak_is_seen_through_noise_and_odd_samples() -> None:
    chance = random.Random(3)
    values = {at: 100 + at / 60 + chance.uniform(-3, 3) for at in EVERY}
    values |= {at: 500.0 for at in EVERY if chance.random() < 0.1}
    found = trend(_series(values), since=300)
    assert found.slope == pytest.approx(60, rel=0.25)
    assert found.growth == pytest.approx(15, rel=0.25)
    assert found.grows


def test_noise_alone_does_not_grow() -> None:
    chance = random.Random(4)
    found = trend(_series({at: 100 + chance.uniform(-10, 10) for at in EVERY}), since=300)
    assert abs(found.growth) < 3
    assert not found.grows


def test_the_beginning_is_not_judged() -> None:
    values = {at: min(100.0, 10 + at / 2) for at in EVERY}
    assert trend(_series(values), since=0).slope >= 0
    assert trend(_series(values), since=300).slope == 0


@pytest.mark.parametrize(
    ("most", "least", "grows"), [(0.1, 0, True), (0.2, 0, False), (0, 12, False)]
)
def test_it_may_grow_by_a_share_or_by_a_little(most: float, least: float, grows: bool) -> None:
    values = {0: 100.0, 600: 105.0, 1200: 112.0}
    assert trend(_series(values, most=most, least=least), since=0).grows == grows


def test_falling_is_no_growth() -> None:
    assert not trend(_series({at: 1000.0 - at / 10 for at in EVERY}), since=300).grows


def test_one_sample_tells_no_trend() -> None:
    with pytest.raises(ValueError, match="1 samples since 300 s"):
        trend(_series({0: 1.0, 400: 1.0}), since=300)


def test_the_picture_is_svg_with_each_series_named() -> None:
    drawn = [_series({0: 1.0, 60: 2.0}), Series("size", "a<b", "KiB", [(0, 1.0), (60, 0.0)], 0.1)]
    root = ElementTree.fromstring(picture([("memory", drawn), ("nothing", [])], kills=[30.0]))
    texts = [node.text for node in root.iter("{http://www.w3.org/2000/svg}text")]
    assert {"worker-1", "a<b", "memory", "nothing"} <= set(texts)
    assert len(list(root.iter("{http://www.w3.org/2000/svg}polyline"))) == 2


def test_who_is_watched_is_never_killed() -> None:
    assert not set(VICTIMS) & set(WATCHED)
    assert {name.partition("-")[0] for name in VICTIMS} == {
        name.partition("-")[0] for name in WATCHED
    }
