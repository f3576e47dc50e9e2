"""Attempts that must never start here (again), in little space: some 100 bytes each."""

from collections import deque
from uuid import UUID

MEMORY = 50_000
"""Attempts remembered after they left the table."""


class Memory:
    """The last `limit` attempts that it was told. A UUID and a tuple each would take three times the space."""

    def __init__(self, limit: int = MEMORY) -> None:
        self._limit = limit
        self._order: deque[bytes] = deque()
        self._known: set[bytes] = set()
        self._told_again: set[bytes] = set()

    def add(self, job_id: UUID, attempt: int) -> None:
        """Remember it; the oldest is forgotten. One that is told again has a second turn when it is the oldest:
        what was given back long ago may still be on its way (R2)."""
        name = _name(job_id, attempt)
        if name in self._known:
            self._told_again.add(name)
            return
        self._known.add(name)
        self._order.append(name)
        while len(self._known) > self._limit:
            self._let_go(self._order.popleft())

    def _let_go(self, name: bytes) -> None:
        if name in self._told_again:
            self._told_again.remove(name)
            self._order.append(name)
        else:
            self._known.remove(name)

    def has(self, job_id: UUID, attempt: int) -> bool:
        """Whether it is remembered."""
        return _name(job_id, attempt) in self._known


def _name(job_id: UUID, attempt: int) -> bytes:
    return job_id.bytes + attempt.to_bytes(4)
