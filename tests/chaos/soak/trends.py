"""Whether something grows: a slope that a few odd samples do not move, and how much it comes to over a run."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations
from statistics import median

Point = tuple[float, float]
"""Seconds since the load began, and a value."""


@dataclass(frozen=True)
class Series:
    """What was measured of one thing. `most` is the share of its usual value by which it may grow in the time
    that is judged, and `least` a growth in its own unit that is never too much."""

    kind: str
    name: str
    unit: str
    points: Sequence[Point]
    most: float
    least: float = 0.0


@dataclass(frozen=True)
class Trend:
    """`slope` is in units an hour (Theil-Sen: the median of the slopes between any two samples), `growth` in
    units over the time that is judged, `usual` the median."""

    series: Series
    slope: float
    growth: float
    usual: float

    @property
    def grows(self) -> bool:
        """More than its series may."""
        return self.growth > max(self.series.most * self.usual, self.series.least)


def trend(series: Series, *, since: float) -> Trend:
    """The trend of what was sampled `since` so many seconds after the beginning.

    Raises:
        ValueError: fewer than two samples are left.
    """
    points = [point for point in series.points if point[0] >= since]
    if len(points) < 2:
        raise ValueError(f"{series.kind} {series.name}: {len(points)} samples since {since:g} s")
    slope = median((b[1] - a[1]) / (b[0] - a[0]) for a, b in combinations(points, 2))
    seconds = points[-1][0] - points[0][0]
    return Trend(series, slope * 3600, slope * seconds, median(value for _, value in points))
