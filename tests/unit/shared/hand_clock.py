"""This machine's clock as a number that a test sets."""

from datetime import UTC, datetime

from shared.kernel.clock import DatabaseClock

NOON = datetime(2026, 11, 21, 12, tzinfo=UTC)


class HandClock:
    """Call it for the monotonic seconds. `database` is a `DatabaseClock` that runs by it."""

    def __init__(self, now: float = 100.0) -> None:
        self.now = now
        self.database = DatabaseClock(now=self)

    def __call__(self) -> float:
        return self.now
