"""What the comparison asks of each system: Punctual itself stands behind the same calls."""

from collections.abc import Sequence
from contextlib import AbstractContextManager
from typing import Protocol

from bench.figures import Throughput

BATCH, SINGLE, LATE = "batch", "single", "late"
"""What may be measured: jobs created in batches, jobs created one by one, lateness."""


class Missing(Exception):
    """This peer cannot be run on this machine; says why in one line."""


class Running(Protocol):
    """A peer whose workers run and are warm."""

    def run(self, jobs: int, way: str) -> Throughput:
        """Create so many no-op jobs in that way and wait until the store shows all of them done.

        Raises:
            RuntimeError: it did not end well, or in time.
        """

    def late(self, jobs: int, rate: float, ahead: float) -> Sequence[float]:
        """Create jobs at that rate, each `ahead` seconds before it is due, and say how late each began by the
        clock of an outside sink: milliseconds, sorted.

        Raises:
            RuntimeError: not each job began once.
        """


class Peer(Protocol):
    """A system at certain settings."""

    @property
    def name(self) -> str:
        """As in the table, with the settings."""

    @property
    def promises(self) -> str:
        """What it stores for a job and promises about it, in one sentence."""

    @property
    def measures(self) -> frozenset[str]:
        """Which of BATCH, SINGLE and LATE make sense for it."""

    @property
    def share(self) -> float:
        """Which share of the jobs it is given: less for a slow one, so that a round takes seconds."""

    @property
    def best(self) -> bool:
        """Whether it is at its best settings: a quick run leaves the others out."""

    def prepare(self) -> str:
        """Fetch and build what it needs, unless that is there; its versions.

        Raises:
            Missing: it cannot be had here.
        """

    def running(self) -> AbstractContextManager[Running]:
        """Start it on fresh stores, warm it up, and leave nothing behind."""
