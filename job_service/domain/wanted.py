"""What a client wants changed."""

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID


@dataclass(frozen=True)
class Wanted:
    """Which job, at which version if the caller named one, under which operation id (R27)."""

    job_id: UUID
    version: int | None
    operation: UUID


@dataclass(frozen=True)
class Change:
    """New values; None keeps the old one. `labels` is JSON text."""

    scheduled_time: datetime | None
    priority: int | None
    band: int | None
    labels: str | None


@dataclass(frozen=True)
class OutsideStart:
    """An attempt for an executor outside: the id of its execution, and the SHA-256 of its lease token."""

    execution_id: UUID
    token_hash: bytes
