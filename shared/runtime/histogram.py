"""A histogram that costs little to write: some ten values are, for each job. Prometheus' own takes a lock and
walks through its buckets each time."""

from bisect import bisect_left
from collections.abc import Iterator, Sequence
from itertools import accumulate

from prometheus_client.metrics_core import HistogramMetricFamily, Metric
from prometheus_client.utils import floatToGoString


class _Series:
    __slots__ = ("counts", "total")

    def __init__(self, buckets: int) -> None:
        self.counts = [0] * buckets
        self.total = 0.0


class Histogram:
    """Of seconds, by labels; a series is told from its first value on, or from `begin`. Written and read by one
    thread, the main loop's."""

    def __init__(
        self, name: str, text: str, labels: Sequence[str], *, buckets: Sequence[float]
    ) -> None:
        self._about = (name, text)
        self._labels = tuple(labels)
        self._bounds = tuple(buckets)
        self._series: dict[tuple[str, ...], _Series] = {}

    def begin(self, *labels: str) -> None:
        """Tell of this series although it has no value yet."""
        self._series[labels] = _Series(len(self._bounds) + 1)

    def observe(self, seconds: float, *labels: str, times: int = 1) -> None:
        """One more, or so many that are the same; what is equal to a bound is within its bucket."""
        if labels not in self._series:
            self.begin(*labels)
        series = self._series[labels]
        series.counts[bisect_left(self._bounds, seconds)] += times
        series.total += seconds * times

    def collect(self) -> Iterator[Metric]:
        """As Prometheus' client tells it: each bucket counts those below it too."""
        family = HistogramMetricFamily(*self._about, labels=self._labels)
        ends = [*map(floatToGoString, self._bounds), "+Inf"]
        for labels, series in self._series.items():
            told = list(zip(ends, accumulate(series.counts), strict=True))
            family.add_metric(labels, told, series.total)
        yield family
