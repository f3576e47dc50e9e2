"""The session of a node: one renewal for the whole process, from a thread that no handler can starve.

It renews only while the main loop makes progress (`beat`), so that a process whose loop hangs is declared
dead like one that was killed. Expiry is counted from *before* the request was sent (R5): the node stops
starting things before the database thinks it dead, never after.
"""

import threading
from collections.abc import Callable

import httpx

from shared.contracts.nodes import Renew, Renewed
from shared.kernel.clock import DatabaseClock, MonotonicClock, monotonic
from shared.runtime import failpoints
from shared.runtime.log import get

RENEWALS_PER_TTL = 3
BEATS_PER_TTL = 10
MAX_BEAT_SECONDS = 1.0
STALLED_AFTER_SHARE = 0.5
"""A main loop silent for this share of the TTL makes no progress."""


class Session:
    """The life of one node id, from its registration to its death.

    Thread-safe: `expired` and `beat` are called from the loop and from handlers' threads.
    """

    def __init__(
        self,
        node: str,
        *,
        registered_at: float,
        ttl_seconds: float,
        now: MonotonicClock = monotonic,
    ) -> None:
        self.node = node
        self.ttl_seconds = ttl_seconds
        self._now = now
        self._valid_until = registered_at + ttl_seconds
        self._last_beat = now()
        self._dead = threading.Event()

    def beat_seconds(self) -> float:
        """How often the main loop should say so: well within what makes it stalled."""
        return min(MAX_BEAT_SECONDS, self.ttl_seconds / BEATS_PER_TTL)

    def beat(self) -> None:
        """The main loop says that it goes round."""
        self._last_beat = self._now()

    def stalled(self) -> bool:
        """Whether the main loop has been silent for too long to vouch for it."""
        return self._now() - self._last_beat > self.ttl_seconds * STALLED_AFTER_SHARE

    def renewed(self, *, asked_at: float, ttl_seconds: float) -> None:
        """Note a renewal whose request left at `asked_at`."""
        self.ttl_seconds = ttl_seconds
        self._valid_until = max(self._valid_until, asked_at + ttl_seconds)

    def declare_dead(self) -> None:
        """job_service said that this node is dead; a dead node stays dead."""
        self._dead.set()

    def dead(self) -> bool:
        """Whether job_service said so."""
        return self._dead.is_set()

    def expired(self) -> bool:
        """Past its own expiry, or dead: start nothing new, keep running what runs, keep results."""
        return self._dead.is_set() or self._now() >= self._valid_until


class Renewer:
    """The thread that renews. `renew_once` is the whole of its work; tests call it."""

    def __init__(
        self,
        session: Session,
        *,
        base_url: str,
        clock: DatabaseClock,
        counts: Callable[[], Renew],
        timeout_seconds: float,
        on_dead: Callable[[], None],
        now: MonotonicClock = monotonic,
    ) -> None:
        self._session = session
        self._clock = clock
        self._counts = counts
        self._on_dead = on_dead
        self._now = now
        self._stop = threading.Event()
        self._thread: threading.Thread | None = None
        self._log = get(__name__)
        limit = min(timeout_seconds, session.ttl_seconds / RENEWALS_PER_TTL)
        self._http = httpx.Client(base_url=base_url, timeout=limit, trust_env=False)

    def start(self) -> None:
        """Start the thread."""
        self._thread = threading.Thread(target=self._run, name="session", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """End the thread; the session then lapses unless the node leaves."""
        self._stop.set()
        if self._thread is not None and self._thread is not threading.current_thread():
            self._thread.join(timeout=self._session.ttl_seconds)
        self._http.close()

    def _run(self) -> None:
        pause = self._session.ttl_seconds / RENEWALS_PER_TTL
        retry = pause / 4
        while not self._stop.wait(pause):
            while not self.renew_once() and not self._session.dead():
                if self._stop.wait(retry):
                    return
            if self._session.dead():
                self._on_dead()
                return

    def renew_once(self) -> bool:
        """One renewal; whether it was answered. A stalled main loop gets none."""
        if self._session.stalled():
            self._log.warning("not renewing: the main loop makes no progress")
            return False
        asked_at = self._now()
        try:
            response = self._http.post(
                f"/internal/v1/nodes/{self._session.node}/renew",
                content=self._counts().model_dump_json(by_alias=True),
                headers={"content-type": "application/json"},
            )
            failpoints.hit("renewal.answered")
            response.raise_for_status()
            reply = Renewed.model_validate_json(response.content)
        except Exception as error:  # whatever it is: a thread that ends is a node that dies
            self._log.warning("renewal not answered", error=repr(error)[:200])
            return False
        self._clock.heard(reply.now, asked_at=asked_at)
        if not reply.live:
            self._session.declare_dead()
        else:
            self._session.renewed(asked_at=asked_at, ttl_seconds=reply.ttl_seconds)
        return True
