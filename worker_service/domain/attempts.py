"""The local table of attempts: the one place that knows what this process asked for, holds and
runs.

    ASKING ──granted──▶ HELD ──due──▶ RUNNING ──ended──▶ REPORTING ──answered──▶ gone
       │                 │ │             │
       │                 │ └─cancelled───┼─────────────▶ REPORTING
       │                 └─no slot, shutdown─▶ GIVING_BACK ──answered──▶ gone
       └─refused, declined─▶ gone

Only the main loop changes it. Each (job, attempt) starts at most once: what was started or given
back is remembered (the last `MEMORY` of them) and never asked for again (R1, R2).
"""

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from enum import Enum
from uuid import UUID

from shared.contracts.leases import Lease
from shared.contracts.nodes import AttemptRef
from shared.contracts.way import Stamps
from worker_service.domain.memory import MEMORY, Memory
from worker_service.domain.node import Node
from worker_service.domain.offset_tracker import Place

Key = tuple[UUID, int]
"""(job id, attempt): with the node that holds it, the fencing token."""


class State(Enum):
    """Where an attempt is on its way through this process."""

    ASKING = "asking"
    HELD = "held"
    RUNNING = "running"
    REPORTING = "reporting"
    GIVING_BACK = "giving-back"
    GONE = "gone"


EDGES: dict[State, frozenset[State]] = {
    State.ASKING: frozenset({State.HELD}),
    State.HELD: frozenset({State.RUNNING, State.REPORTING, State.GIVING_BACK}),
    State.RUNNING: frozenset({State.HELD, State.REPORTING, State.GIVING_BACK}),
    State.REPORTING: frozenset(),
    State.GIVING_BACK: frozenset(),
    State.GONE: frozenset(),
}
"""`remove` makes any of them GONE. RUNNING goes back to HELD only if the last check before the
handler's call said no.
"""

NOT_STAMPED = Stamps()
_UNKNOWN_DUE = datetime.min.replace(tzinfo=UTC)


@dataclass(eq=False, slots=True)
class Attempt:
    """One attempt from its record to its answered report.

    `due_at` is the record's (a hint) until a lease brings the true one (R5). `deadline` and
    `due_since` are monotonic seconds. `places` are the records that wait for the lease's decision.
    """

    job_id: UUID
    attempt: int
    job_type: str
    due_at: datetime = _UNKNOWN_DUE
    places: list[Place] = field(default_factory=list)
    way: Stamps = NOT_STAMPED
    state: State = State.ASKING
    node: Node | None = None
    lease: Lease | None = None
    deadline: float = 0.0
    due_since: float = 0.0
    cancel_asked: bool = False
    key: Key = field(init=False)

    def __post_init__(self) -> None:
        self.key = (self.job_id, self.attempt)

    def ref(self) -> AttemptRef:
        """Its name on the wire."""
        return AttemptRef(job_id=self.job_id, attempt=self.attempt)

    def decided(self, records: int | None = None) -> None:
        """The fate of its records is durable, or of the first so many of them."""
        for place in self.places[:records]:
            place.decided()
        del self.places[:records]

    def granted(self) -> tuple[Node, Lease]:
        """The node that holds it and what it was leased with.

        Raises:
            RuntimeError: it was never granted; a bug.
        """
        if self.node is None or self.lease is None:
            raise RuntimeError(f"{self.key} is {self.state.value} without a lease")
        return self.node, self.lease


class AttemptTable:
    """All attempts that this process has something to do with, and the memory of those before."""

    def __init__(self, memory: int = MEMORY) -> None:
        self._attempts: dict[Key, Attempt] = {}
        self._counts: Counter[State] = Counter()
        self._memory = Memory(memory)

    def add(self, attempt: Attempt) -> None:
        """A record names an attempt that is not in the table."""
        if attempt.key in self._attempts:
            raise RuntimeError(f"{attempt.key} is in the table already")
        self._attempts[attempt.key] = attempt
        self._counts[attempt.state] += 1

    def get(self, key: Key) -> Attempt | None:
        """The attempt of that name, if it is here."""
        return self._attempts.get(key)

    def move(self, attempt: Attempt, to: State) -> None:
        """Change its state.

        Raises:
            RuntimeError: no such edge, or it left the table; a bug.
        """
        if to not in EDGES[attempt.state] or self._attempts.get(attempt.key) is not attempt:
            raise RuntimeError(f"{attempt.key} cannot go from {attempt.state} to {to}")
        self._counts[attempt.state] -= 1
        attempt.state = to
        self._counts[to] += 1

    def remove(self, attempt: Attempt, *, remember: bool) -> None:
        """It is done with here. `remember` it if it must never start (again): not a refused or
        declined one, whose attempt may come again.
        """
        if self._attempts.get(attempt.key) is not attempt:
            return
        del self._attempts[attempt.key]
        self._counts[attempt.state] -= 1
        attempt.state = State.GONE
        if remember:
            self.remember(attempt.key)

    def remember(self, key: Key) -> None:
        """Never ask for this attempt or start it."""
        self._memory.add(*key)

    def remembers(self, key: Key) -> bool:
        """Whether it was started or given back."""
        return self._memory.has(*key)

    def count(self, state: State) -> int:
        """How many are in that state."""
        return self._counts[state]

    def all(self) -> Iterator[Attempt]:
        """A snapshot of every attempt."""
        return iter(list(self._attempts.values()))

    def held_by(self, node: Node) -> dict[Key, Attempt]:
        """What is held or running by a definite answer to `node`."""
        return {
            key: attempt
            for key, attempt in self._attempts.items()
            if attempt.node is node and attempt.state in (State.HELD, State.RUNNING)
        }
