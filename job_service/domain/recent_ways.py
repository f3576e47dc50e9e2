"""How long records take from their sending to the lease of their attempt, lately."""

from collections import deque

from shared.kernel.clock import MonotonicClock

WINDOW_SECONDS = 10.0
MOST = 1_000
"""Leases that are remembered: the newest."""
FEWEST = 20
"""Of fewer nothing is said: one slow lease is no rule."""
RANK = 0.99


class RecentWays:
    """Of this process. Whoever can write to the topic can lie about the sending, so who uses this bounds what
    comes of it."""

    def __init__(self, now: MonotonicClock) -> None:
        self._now = now
        self._seconds: deque[tuple[float, float]] = deque(maxlen=MOST)

    def note(self, seconds: float) -> None:
        """A lease came so long after its record was sent."""
        self._seconds.append((self._now(), max(0.0, seconds)))

    def longest(self) -> float | None:
        """What all but one in a hundred took at most, in seconds; None when too little is known."""
        since = self._now() - WINDOW_SECONDS
        while self._seconds and self._seconds[0][0] < since:
            self._seconds.popleft()
        if len(self._seconds) < FEWEST:
            return None
        found = sorted(seconds for _, seconds in self._seconds)
        return found[int(len(found) * RANK)]
