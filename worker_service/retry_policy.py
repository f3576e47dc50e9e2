"""When a failed attempt is tried again, as a job type declares it. Pure."""

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Protocol

MAX_WAIT_SECONDS = 31_536_000.0
"""A year: the longest wait for the next try."""
_MAX_DOUBLINGS = 60


class Waits(Protocol):
    """How long to wait for the next try."""

    def seconds(self, failures: int, uniform: float) -> float:
        """`failures`: how many there were before this one. `uniform`: a random number of [0, 1)."""
        ...


@dataclass(frozen=True)
class Exponential:
    """Full jitter: a random time below `first_seconds`, doubled with each failure, at most `most_seconds`.

    Raises:
        ValueError: a bound is not above 0, above a year, or they stand the wrong way round.
    """

    first_seconds: float = 1.0
    most_seconds: float = 300.0

    def __post_init__(self) -> None:
        if not 0 < self.first_seconds <= self.most_seconds <= MAX_WAIT_SECONDS:
            raise ValueError(
                f"Exponential: 0 < first_seconds <= most_seconds <= {MAX_WAIT_SECONDS:.0f}"
            )

    def seconds(self, failures: int, uniform: float) -> float:
        doubled = self.first_seconds * 2.0 ** min(failures, _MAX_DOUBLINGS)
        return uniform * min(self.most_seconds, doubled)


@dataclass(frozen=True)
class Fixed:
    """The same `wait_seconds` (0 to a year) each time.

    Raises:
        ValueError: it is out of bounds.
    """

    wait_seconds: float

    def __post_init__(self) -> None:
        _checked("Fixed", self.wait_seconds)

    def seconds(self, failures: int, uniform: float) -> float:
        return self.wait_seconds


class Steps:
    """A list of one's own: `Steps(1, 10, 60)` waits 1 s after the first failure, 10 s after the second, 60 s
    after every later one (each 0 to a year).

    Raises:
        ValueError: the list is empty, or a wait is out of bounds.
    """

    def __init__(self, *waits_seconds: float) -> None:
        if not waits_seconds:
            raise ValueError("Steps: name at least one wait, in seconds")
        for wait in waits_seconds:
            _checked("Steps", wait)
        self._waits = waits_seconds

    def seconds(self, failures: int, uniform: float) -> float:
        return self._waits[min(failures, len(self._waits) - 1)]


@dataclass(frozen=True)
class RetryPolicy:
    """What a job type does about its failures, as long as the job has attempts left (`maxAttempts`).

    `waits`: how long until the next try; None: as job_service is set (`PUNCTUAL_RETRY__…`). `never`: exceptions
    after which no further try would help. `waits_after`: a wait of its own for a kind of exception; of several
    kinds that fit, the one named first counts. A wish that the handler raises itself (`Retry`, `Fail`) goes
    before all of these.
    """

    waits: Waits | None = None
    never: tuple[type[BaseException], ...] = ()
    waits_after: Mapping[type[BaseException], Waits] = field(default_factory=dict)

    def again(self, error: BaseException) -> bool:
        """Whether another try may help."""
        return not isinstance(error, self.never)

    def seconds(self, error: BaseException, failures: int, uniform: float) -> float | None:
        """How long to wait; None: as job_service is set."""
        fitting = (w for kind, w in self.waits_after.items() if isinstance(error, kind))
        waits = next(fitting, self.waits)
        return None if waits is None else waits.seconds(failures, uniform)


def _checked(what: str, wait: float) -> None:
    if not (math.isfinite(wait) and 0 <= wait <= MAX_WAIT_SECONDS):
        raise ValueError(f"{what}: a wait is 0 to {MAX_WAIT_SECONDS:.0f} s, not {wait}")
