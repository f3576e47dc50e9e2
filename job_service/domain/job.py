"""Values that pass between operations and the database: a job to create, a job as it is.

Tuples, as one is made for every job and a frozen dataclass takes several times as long.
"""

from datetime import datetime
from typing import Any, NamedTuple
from uuid import UUID

from shared.contracts.states import JobStatus


class NewJob(NamedTuple):
    """A job to create, every default filled in. `scheduled_time` null means now, by the database clock.

    `payload` is JSON text, at most 64 KiB. Where it came as a string that holds it, `payload_as_string` is that
    string (as JSON text), for a type that takes strings but not this object. `idempotency_key` with
    `body_hash` makes a repeat safe.
    """

    id: UUID
    name: str
    job_type: str
    payload: str | None
    scheduled_time: datetime | None
    priority: int
    band: int
    max_attempts: int
    timeout_seconds: float | None
    expires_at: datetime | None
    ordering_key: str | None
    labels: str
    traceparent: str | None
    idempotency_key: str | None = None
    body_hash: bytes | None = None
    rerun_of: UUID | None = None
    payload_as_string: str | None = None


class Job(NamedTuple):
    """A job as the database has it. `payload`, `result` and `labels` are decoded JSON."""

    id: UUID
    name: str
    status: JobStatus
    job_type: str
    payload: Any
    scheduled_time: datetime
    due_at: datetime
    priority: int
    ordering_key: str | None
    attempt: int
    failures: int
    lost: int
    max_attempts: int
    timeout_seconds: float | None
    expires_at: datetime | None
    next_attempt_at: datetime | None
    cancel_requested: bool
    labels: dict[str, str]
    created_at: datetime
    updated_at: datetime
    started_at: datetime | None
    finished_at: datetime | None
    result: Any
    error: str | None
    version: int
    node: UUID | None
    rerun_of: UUID | None

    @property
    def lateness_ms(self) -> float | None:
        """Milliseconds from max(due, created) to the last start; None before the first."""
        if self.started_at is None:
            return None
        promised = max(self.due_at, self.created_at)
        return round((self.started_at - promised).total_seconds() * 1000.0, 3)
