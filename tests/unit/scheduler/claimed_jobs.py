"""Claimed jobs for the tests of this folder."""

from datetime import UTC, datetime, timedelta

from shared.contracts.claims import Claimed
from shared.kernel.ids import new_id

NOON = datetime(2026, 11, 21, 12, tzinfo=UTC)


def claimed(*, due_in: float = 0.0, attempt: int = 1, ordering_key: str | None = None) -> Claimed:
    """One job, due so many seconds after noon."""
    return Claimed(
        job_id=new_id(),
        attempt=attempt,
        version=1,
        job_type="DUMMY",
        due_at=NOON + timedelta(seconds=due_in),
        ordering_key=ordering_key,
    )
