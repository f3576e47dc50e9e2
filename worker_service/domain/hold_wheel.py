"""Held attempts, ordered by due time, and those whose due time the database clock has surely
reached.
"""

import heapq
from collections import deque
from collections.abc import Iterator
from itertools import count

from shared.kernel.clock import DatabaseClock
from worker_service.domain.attempts import Attempt, State


class HoldWheel:
    """Attempts wait here from the lease to their start. Those that left HELD meanwhile are
    skipped.
    """

    def __init__(self, clock: DatabaseClock) -> None:
        self._clock = clock
        self._waiting: list[tuple[float, int, Attempt]] = []
        self._due: deque[Attempt] = deque()
        self._order = count()

    def add(self, attempt: Attempt) -> None:
        """Hold an attempt until its due time."""
        heapq.heappush(self._waiting, (attempt.due_at.timestamp(), next(self._order), attempt))

    def again(self, attempt: Attempt) -> None:
        """A start that was refused by its last check: first in the line once more."""
        self._due.appendleft(attempt)

    def turn(self, now: float) -> float | None:
        """Move what is due into the line, stamped with `now` (monotonic seconds); seconds until the
        next one is due, None when nothing waits.
        """
        while self._waiting:
            attempt = self._waiting[0][2]
            if attempt.state is State.HELD:
                wait = self._clock.seconds_until(attempt.due_at)
                if wait > 0:
                    return wait
                attempt.due_since = now
                self._due.append(attempt)
            heapq.heappop(self._waiting)
        return None

    def next_due(self) -> Attempt | None:
        """Take the first of those that are due."""
        while self._due:
            attempt = self._due.popleft()
            if attempt.state is State.HELD:
                return attempt
        return None

    def starved(self, now: float, after_seconds: float) -> Iterator[Attempt]:
        """Those that have been due for longer than `after_seconds` and got no slot."""
        for attempt in list(self._due):
            if attempt.state is State.HELD and now - attempt.due_since > after_seconds:
                yield attempt

    def waiting(self) -> int:
        """How many are not started yet, those among them that left HELD and were not met since."""
        return len(self._waiting) + len(self._due)

    def due(self) -> int:
        """How many are due and wait for a slot."""
        return sum(attempt.state is State.HELD for attempt in self._due)
