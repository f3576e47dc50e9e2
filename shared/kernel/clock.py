"""Two clocks: this machine's own (never set, counts while suspended) and what is known of the database's.

Only the database clock decides due, lease and expiry (DESIGN section 4). A process never reads it
remotely in time, so it keeps a *lower bound* of it: a stamp that came with a reply was taken before the
reply was received, so `stamp + time since receipt` cannot be later than the database clock (R5).
"""

import threading
import time
from collections import deque
from collections.abc import Callable
from datetime import UTC, datetime

MonotonicClock = Callable[[], float]

_BOOTTIME = getattr(time, "CLOCK_BOOTTIME", None)


def monotonic() -> float:
    """Seconds on a clock that nobody sets and that counts while the machine is suspended."""
    if _BOOTTIME is None:
        return time.monotonic()
    return time.clock_gettime(_BOOTTIME)


class DatabaseClock:
    """A lower bound of the database clock, from the stamps of recent replies.

    Thread-safe. The best bound of the last `WINDOW_SECONDS` counts (a slow reply gives a worse one). A stamp
    that lies more than `STEP_SECONDS` behind what the bound says means that the database clock was set back
    (a new primary): everything older is forgotten, or jobs would start early.
    """

    WINDOW_SECONDS = 60.0
    STEP_SECONDS = 0.5

    def __init__(self, now: MonotonicClock = monotonic) -> None:
        self._now = now
        self._offsets: deque[tuple[float, float]] = deque(maxlen=256)
        self._best: float | None = None
        self._lock = threading.Lock()

    def heard(self, stamp: datetime, *, asked_at: float | None = None) -> None:
        """Note a stamp at the moment its reply is received.

        `asked_at` (this machine's monotonic clock, seconds) is when the request left: only a stamp that is
        behind the bound even counted from there proves a step back; a late reply does not.
        """
        received = self._now()
        stamp_seconds = stamp.timestamp()
        with self._lock:
            if self._best is not None and asked_at is not None:
                newest_possible = stamp_seconds - asked_at
                if newest_possible < self._best - self.STEP_SECONDS:
                    self._offsets.clear()
            self._offsets.append((received, stamp_seconds - received))
            while self._offsets and self._offsets[0][0] < received - self.WINDOW_SECONDS:
                self._offsets.popleft()
            self._best = max(offset for _, offset in self._offsets)

    def known(self) -> bool:
        """Whether any reply was heard yet."""
        return self._best is not None

    def at_least(self) -> datetime:
        """A moment that the database clock has surely reached."""
        if self._best is None:
            raise RuntimeError("the database clock is not known before the first reply")
        return datetime.fromtimestamp(self._best + self._now(), UTC)

    def seconds_until(self, due: datetime) -> float:
        """Seconds to wait until the database clock has surely reached `due`; negative when it has."""
        if self._best is None:
            raise RuntimeError("the database clock is not known before the first reply")
        return due.timestamp() - (self._best + self._now())

    def stamp_after(self, due: datetime) -> datetime | None:
        """`at_least()` once it has reached `due`, None before; never earlier than `due`.

        One look: a clock that was set back, heard of by another thread, comes before it or after it.
        """
        if self._best is None:
            raise RuntimeError("the database clock is not known before the first reply")
        reached = self._best + self._now()
        if reached < due.timestamp():
            return None
        return max(datetime.fromtimestamp(reached, UTC), due)
