"""How long the legs of a job's way took, as a histogram."""

from collections.abc import Iterable

from shared.runtime.histogram import Histogram

BOUNDS = (
    *(0.0005, 0.001, 0.002, 0.003, 0.005, 0.008, 0.012, 0.02, 0.03, 0.05),
    *(0.1, 0.2, 0.3, 0.5, 1.0, 2.5, 10.0, 60.0),
)
"""Upper bounds of the buckets, in seconds: close together where milliseconds matter."""
NAME, TEXT = "punctual_leg_seconds", "What the legs of a job's way to its handler took."


class Legs:
    """Of one process, on one thread. `names` are all the legs that there will be."""

    def __init__(self, names: Iterable[str]) -> None:
        self.histogram = Histogram(NAME, TEXT, ["leg"], buckets=BOUNDS)
        for name in names:
            self.histogram.begin(name)

    def took(self, name: str, seconds: float, jobs: int = 1) -> None:
        """That many jobs took so long for it; less than nothing is nothing."""
        self.histogram.observe(max(0.0, seconds), name, times=jobs)
