"""The last executions of this node, for its API. The truth stands in job_service."""

from collections import OrderedDict
from dataclasses import dataclass, field
from datetime import UTC, datetime
from uuid import UUID

from shared.contracts.progress import Standing
from shared.contracts.way import Stamps, WayMs, way_ms
from worker_service.domain.attempts import Attempt, Key
from worker_service.domain.outcome import Ended

LIMIT = 1_000
"""Executions remembered."""


@dataclass(slots=True)
class Execution:
    """One attempt's run on this node."""

    execution_id: UUID
    job_id: UUID
    attempt: int
    node: UUID
    status: str
    due_at: datetime
    leased_at: datetime
    way: Stamps
    started_at: datetime | None = None
    ended_at: datetime | None = None
    error: str | None = None
    notes: list[dict[str, str]] = field(default_factory=list)
    progress: Standing | None = None

    def lateness_ms(self) -> float | None:
        """Start minus the later of due time and creation (a job's id carries its millisecond)."""
        return self.way_ms().began

    def way_ms(self) -> WayMs:
        """The moments of its way, counted as lateness is."""
        created = datetime.fromtimestamp((self.job_id.int >> 80) / 1000, UTC)
        promised = max(self.due_at, created)
        return way_ms(promised, self.way, leased_at=self.leased_at, started_at=self.started_at)


class ExecutionLog:
    """Bounded; the oldest is forgotten. Changed by the main loop only."""

    def __init__(self, limit: int = LIMIT) -> None:
        self._limit = limit
        self._by_attempt: OrderedDict[tuple[UUID, int], Execution] = OrderedDict()

    def leased(self, attempt: Attempt, at: datetime) -> None:
        """A grant arrived."""
        node, lease = attempt.granted()
        if lease.execution_id is None:
            return
        self._by_attempt[attempt.key] = Execution(
            execution_id=lease.execution_id,
            job_id=attempt.job_id,
            attempt=attempt.attempt,
            node=node.id,
            status="HELD",
            due_at=attempt.due_at,
            leased_at=at,
            way=attempt.way,
        )
        while len(self._by_attempt) > self._limit:
            self._by_attempt.popitem(last=False)

    def started(self, attempt: Attempt, at: datetime) -> None:
        """Its handler was called."""
        execution = self._by_attempt.get(attempt.key)
        if execution is not None:
            execution.status, execution.started_at = "RUNNING", at

    def stands(self, key: Key, progress: Standing) -> None:
        """Its handler told how far it is."""
        execution = self._by_attempt.get(key)
        if execution is not None:
            execution.progress = progress

    def ended(self, attempt: Attempt, ended: Ended, at: datetime) -> None:
        """It has an outcome."""
        execution = self._by_attempt.get(attempt.key)
        if execution is not None:
            execution.status, execution.ended_at = ended.outcome.value, at
            execution.error = ended.error

    def left(self, attempt: Attempt, status: str, at: datetime) -> None:
        """It was given back (RELEASED) or is not ours any more (LOST)."""
        execution = self._by_attempt.get(attempt.key)
        if execution is not None:
            execution.status, execution.ended_at = status, at

    def late(self, attempt: Attempt) -> None:
        """Its report came too late and changed nothing."""
        execution = self._by_attempt.get(attempt.key)
        if execution is not None:
            execution.notes.append({"kind": "ZOMBIE", "outcome": execution.status})
            execution.status = "LOST"

    def newest_first(self) -> list[Execution]:
        """All that are remembered."""
        return list(reversed(self._by_attempt.values()))
