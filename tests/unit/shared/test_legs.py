"""Legs of a way as a histogram."""

import pytest

from shared.runtime.legs import BOUNDS, Legs
from shared.runtime.metrics import Metrics


def test_each_value_is_in_its_bucket_and_all_above() -> None:
    legs = Legs(("lease",))
    legs.took("lease", 0.0021, jobs=3)
    legs.took("lease", BOUNDS[0])
    legs.took("lease", 1_000.0)
    buckets, whole = legs.read()["lease"]
    found = dict(buckets)
    assert (found["0.0005"], found["0.002"], found["0.003"]) == (1, 1, 4)
    assert (found["60.0"], found["+Inf"]) == (4, 5)
    assert whole == pytest.approx(1_000.0068)


def test_less_than_nothing_is_nothing() -> None:
    """Stamps of two processes may stand in the wrong order by what their bounds differ."""
    legs = Legs(("deliver",))
    legs.took("deliver", -0.5)
    buckets, whole = legs.read()["deliver"]
    assert (buckets[0][1], whole) == (1, 0.0)


@pytest.mark.asyncio
async def test_prometheus_reads_them() -> None:
    legs = Legs(("wheel", "publish"))
    legs.took("publish", 0.004)
    metrics = Metrics(service="test", version="1")
    metrics.legs(legs)
    page = (await metrics.render()).decode()
    assert 'punctual_leg_seconds_bucket{le="0.003",leg="publish"} 0.0' in page
    assert 'punctual_leg_seconds_bucket{le="0.005",leg="publish"} 1.0' in page
    assert 'punctual_leg_seconds_count{leg="publish"} 1.0' in page
    assert 'punctual_leg_seconds_sum{leg="publish"} 0.004' in page
    assert 'punctual_leg_seconds_count{leg="wheel"} 0.0' in page
