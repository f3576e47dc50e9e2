"""The end of an attempt, as it is recorded."""

from datetime import datetime
from typing import NamedTuple
from uuid import UUID


class Ended(NamedTuple):
    """One end to record, with the hash of its outcome and the numbers for its back-off."""

    job_id: UUID
    attempt: int
    outcome: str
    started_at: datetime | None
    ended_at: datetime
    result: str | None
    error: str | None
    result_hash: bytes
    reason: str
    retry: bool
    wait_seconds: float | None
    uniform: float
