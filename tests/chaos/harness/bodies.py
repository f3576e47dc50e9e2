"""The jobs that clients create: the ordinary mixture, or only jobs of many ordering keys."""

import random
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any, Protocol
from uuid import UUID

Body = tuple[str, dict[str, Any]]
"""The idempotency key of a job, which is its name too, so that a key with two jobs can be seen; and the job."""

SHORT_MS = (5, 20, 50, 100, 200, 400, 800, 2_000)
LONG_MS = 6_000
"""Long enough that a worker which was stopped beyond its TTL tells its end while the next attempt runs."""
KEYED_SHARE = 0.15
"""Of the mixture: jobs with an ordering key. Some four share a key, all within seconds."""
KEYS_AT_ONCE = 8
MADE_WITH_THEM = 200
"""So many jobs share a handful of keys, then there are others: at any pace lines are as long."""
KEYED_MS = (0, 0, 0, 5, 20)
ROW_MS = (200, 1_000, 2_000, 4_000)
"""Half of it after the row: whoever dies then has inserted it and not said so."""


class Bodies(Protocol):
    """Makes one job after the other."""

    def next(self) -> Body:
        """The next one."""


class Mixture:
    """Jobs of every kind. `long_share` of them run for six seconds."""

    def __init__(self, choose: random.Random, *, sink_port: int, long_share: float) -> None:
        self._choose = choose
        self._sink_port = sink_port
        self._long_share = long_share
        self._made = 0

    def next(self) -> Body:
        """One of the mixture."""
        choose = self._choose
        key = str(UUID(int=choose.getrandbits(128)))
        ms = LONG_MS if choose.random() < self._long_share else choose.choice(SHORT_MS)
        how = choose.choices(
            ("ok", "fail-first", "snooze-first", "fail"), weights=(90, 5, 3, 2), k=1
        )[0]
        body: dict[str, Any] = {
            "name": key,
            "jobType": "CHAOS_BLOCKING" if choose.random() < 0.25 else "CHAOS",
            "maxAttempts": 2 if how == "fail" else 5,
            "payload": {
                "sink": self._sink_port,
                "ms": ms,
                "path": choose.choice(("fenced", "bare")),
                "how": how,
            },
        }
        if choose.random() < 0.7:
            due = datetime.now(UTC) + timedelta(seconds=choose.uniform(-0.5, 6.0))
            body["scheduledTime"] = due.isoformat()
            if choose.random() < 0.03:
                body["expiresAt"] = (due + timedelta(seconds=1)).isoformat()
        if choose.random() < KEYED_SHARE:
            body["orderingKey"] = (
                f"key {self._made // MADE_WITH_THEM}/{choose.randrange(KEYS_AT_ONCE)}"
            )
            if body["jobType"] == "CHAOS" and choose.random() < 0.5:
                body["jobType"] = "CHAOS_PASSES"
        self._made += 1
        return key, body


class OfRows:
    """Jobs that insert a row: every other one through the effect ledger, the others without it. They have tries
    for any outage.
    """

    TRIES = 100

    def __init__(self, choose: random.Random) -> None:
        self._choose = choose
        self._made = 0

    def next(self) -> Body:
        """One of each kind in turn."""
        choose = self._choose
        name = str(UUID(int=choose.getrandbits(128)))
        due = datetime.now(UTC) + timedelta(seconds=choose.uniform(-0.5, 4.0))
        self._made += 1
        return name, {
            "name": name,
            "jobType": "CHAOS_ONCE" if self._made % 2 else "CHAOS_AGAIN",
            "maxAttempts": self.TRIES,
            "scheduledTime": due.isoformat(),
            "payload": {"ms": choose.choice(ROW_MS)},
        }


class OfKeys:
    """`of_each` jobs of each of `keys` ordering keys, in a random order. They come due evenly over
    `due_over` seconds from the first on, so that most of them wait in line for long; one in fifty fails once.
    """

    def __init__(
        self, choose: random.Random, *, sink_port: int, keys: int, of_each: int, due_over: float
    ) -> None:
        self._choose = choose
        self._sink_port = sink_port
        self._due_over = due_over
        self._began: float | None = None
        places = [(key, n / of_each) for key in range(keys) for n in range(of_each)]
        choose.shuffle(places)
        self._places: Iterator[tuple[int, float]] = iter(places)

    def next(self) -> Body:
        """The next of all keys."""
        choose = self._choose
        if self._began is None:
            self._began = time.time()
        key, share = next(self._places)
        name = str(UUID(int=choose.getrandbits(128)))
        due = self._began + self._due_over * share
        return name, {
            "name": name,
            "jobType": choose.choice(("CHAOS", "CHAOS_PASSES")),
            "orderingKey": f"key {key}",
            "priority": choose.randint(-100, 100),
            "scheduledTime": datetime.fromtimestamp(due, UTC).isoformat(),
            "payload": {
                "sink": self._sink_port,
                "ms": choose.choice(KEYED_MS),
                "path": "none" if choose.random() < 0.9 else choose.choice(("fenced", "bare")),
                "how": "fail-first" if choose.random() < 0.02 else "ok",
            },
        }
