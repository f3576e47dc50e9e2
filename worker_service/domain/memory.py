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

    def add(self, job_id: UUID, attempt: int) -> None:
        """Remember it; the oldest is forgotten. One that is known keeps its place."""
        name = _name(job_id, attempt)
        if name in self._known:
            return
        self._known.add(name)
        self._order.append(name)
        if len(self._order) > self._limit:
            self._known.remove(self._order.popleft())

    def has(self, job_id: UUID, attempt: int) -> bool:
        """Whether it is remembered."""
        return _name(job_id, attempt) in self._known


def _name(job_id: UUID, attempt: int) -> bytes:
    return job_id.bytes + attempt.to_bytes(4)
