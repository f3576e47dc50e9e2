"""How long the legs of a job's way took, counted for a histogram.

Prometheus' own histogram takes a lock and a walk through its buckets for each value. These are counted some
six times for each job, on one loop, and many of a batch are the same.
"""

from bisect import bisect_left
from collections.abc import Iterable, Mapping

BOUNDS = (
    *(0.0005, 0.001, 0.002, 0.003, 0.005, 0.008, 0.012, 0.02, 0.03, 0.05),
    *(0.1, 0.2, 0.3, 0.5, 1.0, 2.5, 10.0, 60.0),
)
"""Upper bounds of the buckets, in seconds: close together where milliseconds matter."""


class Legs:
    """Of one process, on one thread. `names` are all the legs that there will be."""

    def __init__(self, names: Iterable[str]) -> None:
        self._counts = {name: [0] * (len(BOUNDS) + 1) for name in names}
        self._sums = dict.fromkeys(self._counts, 0.0)

    def took(self, name: str, seconds: float, jobs: int = 1) -> None:
        """That many jobs took so long for it; less than nothing is nothing."""
        seconds = max(0.0, seconds)
        self._counts[name][bisect_left(BOUNDS, seconds)] += jobs
        self._sums[name] += seconds * jobs

    def read(self) -> Mapping[str, tuple[list[tuple[str, float]], float]]:
        """For each leg its buckets, cumulative, by upper bound, and the sum."""
        found = {}
        for name, counts in self._counts.items():
            buckets, whole = [], 0
            for bound, count in zip((*map(str, BOUNDS), "+Inf"), counts, strict=True):
                whole += count
                buckets.append((bound, float(whole)))
            found[name] = (buckets, self._sums[name])
        return found
