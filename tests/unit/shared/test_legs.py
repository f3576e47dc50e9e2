"""Legs of a way as a histogram."""

import pytest

from shared.runtime.legs import BOUNDS, Legs
from shared.runtime.metrics import Metrics


async def _page(legs: Legs) -> str:
    metrics = Metrics(service="test", version="1")
    metrics.legs(legs)
    return (await metrics.render()).decode()


@pytest.mark.asyncio
async def test_prometheus_reads_all_of_them_and_each_value_is_in_its_bucket() -> None:
    legs = Legs(("wheel", "publish"))
    legs.took("publish", 0.004, jobs=3)
    legs.took("publish", BOUNDS[0])
    page = await _page(legs)
    assert 'punctual_leg_seconds_bucket{le="0.0005",leg="publish"} 1.0' in page
    assert 'punctual_leg_seconds_bucket{le="0.003",leg="publish"} 1.0' in page
    assert 'punctual_leg_seconds_bucket{le="0.005",leg="publish"} 4.0' in page
    assert 'punctual_leg_seconds_count{leg="publish"} 4.0' in page
    assert 'punctual_leg_seconds_sum{leg="publish"} 0.0125' in page
    assert 'punctual_leg_seconds_count{leg="wheel"} 0.0' in page


@pytest.mark.asyncio
async def test_less_than_nothing_is_nothing() -> None:
    """Stamps of two processes may stand in the wrong order by what their bounds differ."""
    legs = Legs(("deliver",))
    legs.took("deliver", -0.5)
    page = await _page(legs)
    assert 'punctual_leg_seconds_bucket{le="0.0005",leg="deliver"} 1.0' in page
    assert 'punctual_leg_seconds_sum{leg="deliver"} 0.0' in page
