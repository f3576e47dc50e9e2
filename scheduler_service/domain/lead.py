"""How long before its due time a job is published: long enough that its lease is granted by then.

What is published too early only waits with a worker; what is published too late begins late. So the lead
follows how long records took lately, with a reserve.
"""

RESERVE = 1.5


class Lead:
    """`least` and `most` seconds bound it: what is told of the ways of records may be wrong, or forged. A
    `most` below the least has no effect: the lead is fixed then."""

    def __init__(self, least: float, *, most: float) -> None:
        self._least, self._most = least, max(least, most)
        self.seconds = least

    def heard(self, seconds_to_lease: float | None) -> None:
        """What all but a few records took lately; None is no news."""
        if seconds_to_lease is not None:
            self.seconds = min(max(seconds_to_lease * RESERVE, self._least), self._most)
