"""What a handler may raise to say how its attempt ends."""

import math
from datetime import UTC, datetime, timedelta

from worker_service.retry_policy import MAX_WAIT_SECONDS


class Fail(Exception):
    """The attempt failed, and `message` (kept up to 8,192 characters) is shown with the job.

    It is tried again by the type's retry policy while the job has attempts left. `permanent`: never again.
    """

    retry_after_seconds: float | None = None

    def __init__(self, message: str, *, permanent: bool = False) -> None:
        super().__init__(message)
        self.permanent = permanent


class Retry(Fail):
    """The attempt failed and is to be tried again `after` so long (seconds or a timedelta, 0 to a year), if the
    job has attempts left. None: by the type's retry policy.

    Raises:
        ValueError: `after` is below 0, above a year or no number.
    """

    def __init__(
        self, message: str = "asked for another try", *, after: float | timedelta | None = None
    ) -> None:
        super().__init__(message)
        self.retry_after_seconds = None if after is None else _bounded("Retry", after)


class Snooze(Exception):
    """Not now: the job is due again in so long (seconds or a timedelta, 0 to a year), or `until` a moment (with
    a zone; one that is past means at once). No attempt is spent.

    Raises:
        ValueError: neither or both are given, or one is out of bounds.
    """

    def __init__(
        self, seconds: float | timedelta | None = None, *, until: datetime | None = None
    ) -> None:
        if (seconds is None) == (until is None):
            raise ValueError("Snooze: give either seconds or until")
        if until is not None and until.tzinfo is None:
            raise ValueError("Snooze: until needs a zone, for example tzinfo=UTC")
        super().__init__(f"snoozed until {until}" if until else f"snoozed for {seconds} s")
        self._seconds = None if seconds is None else _bounded("Snooze", seconds)
        self._until = until

    def seconds_from(self, now: datetime) -> float:
        """How long from `now`, at most a year."""
        if self._until is None:
            return self._seconds or 0.0
        left = (self._until.astimezone(UTC) - now).total_seconds()
        return min(max(left, 0.0), MAX_WAIT_SECONDS)


class Cancelled(Exception):
    """Raised by `Context.check()` when the attempt was cancelled, timed out or is to stop."""


def _bounded(what: str, wait: float | timedelta) -> float:
    seconds = wait.total_seconds() if isinstance(wait, timedelta) else float(wait)
    if not (math.isfinite(seconds) and 0 <= seconds <= MAX_WAIT_SECONDS):
        raise ValueError(f"{what}: a wait is 0 to {MAX_WAIT_SECONDS:.0f} s, not {seconds}")
    return seconds
