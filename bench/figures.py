"""What is made of measurements: percentiles, medians over rounds, and ratios inside one round."""

import math
import statistics
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

STORES = frozenset({"postgres", "kafka", "redis"})
CLIENT = "client"


@dataclass(frozen=True)
class Throughput:
    """Of one run of no-op jobs: how many, seconds from the first create until the last one was answered and
    until the last job was done, and CPU microseconds for each job by role. The role `client` is the process
    that creates; postgres, kafka and redis are stores; the others are the product.
    """

    jobs: int
    created: float
    done: float
    cpu_us: dict[str, float]

    @property
    def rate(self) -> float:
        """Jobs a second, end to end."""
        return self.jobs / self.done

    def product_us(self) -> float:
        """CPU of the product's processes for each job."""
        return sum(us for role, us in self.cpu_us.items() if role not in STORES | {CLIENT})

    def store_us(self) -> float:
        """CPU of the database and the broker for each job."""
        return sum(us for role, us in self.cpu_us.items() if role in STORES)


@dataclass(frozen=True)
class Spread:
    """A figure of several rounds: the median, the least and the most."""

    median: float
    least: float
    most: float

    @classmethod
    def of(cls, values: Sequence[float]) -> "Spread":
        """Of at least one value."""
        return cls(statistics.median(values), min(values), max(values))


def ratios(ours: Mapping[int, float], theirs: Mapping[int, float]) -> Spread | None:
    """How many times theirs ours is, by round: only what was measured in the same round is compared, as the
    machine is another one an hour later. None without a common round.
    """
    found = [ours[n] / theirs[n] for n in ours.keys() & theirs.keys()]
    return Spread.of(found) if found else None


def percentile(values: Sequence[float], rank: float) -> float:
    """Of sorted values, by nearest rank."""
    return values[max(0, math.ceil(len(values) * rank / 100) - 1)]
