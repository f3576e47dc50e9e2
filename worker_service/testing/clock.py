"""The clock of a test: it goes on when it is turned, and by itself only when a handler waits."""

from datetime import UTC, datetime, timedelta

START = datetime(2030, 1, 1, tzinfo=UTC)


class Clock:
    """`start` (with a time zone): what it shows before it is turned."""

    def __init__(self, start: datetime = START) -> None:
        if start.tzinfo is None:
            raise ValueError("the clock starts at a time with a zone, as datetime(…, tzinfo=UTC)")
        self._start = start
        self._seconds = 0.0

    def now(self) -> datetime:
        """The time."""
        return self._start + timedelta(seconds=self._seconds)

    def seconds(self) -> float:
        """Since its start."""
        return self._seconds

    def turn(self, seconds: float) -> None:
        """Go on by so many seconds.

        Raises:
            ValueError: it would go back.
        """
        if not seconds >= 0:
            raise ValueError(f"the clock is turned forward, not by {seconds} s")
        self._seconds += seconds
