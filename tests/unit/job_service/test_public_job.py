"""A job as clients see it is made by hand, as it is made for each answer; the model says the same."""

from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import pytest

from job_service.api.models import PublicJob, public_job
from job_service.domain.job import Job
from shared.contracts.states import JobStatus

AT = datetime(2026, 11, 21, 10, 0, 0, 123_456, UTC)
NEW = Job(
    id=UUID(int=7),
    name="n",
    status=JobStatus.CREATED,
    job_type="DUMMY",
    payload={"a": [1, 2.5, None]},
    scheduled_time=AT,
    due_at=AT,
    priority=-3,
    ordering_key=None,
    attempt=0,
    failures=0,
    lost=0,
    max_attempts=3,
    timeout_seconds=None,
    expires_at=None,
    next_attempt_at=None,
    cancel_requested=False,
    labels={"k": "v"},
    created_at=AT,
    updated_at=AT,
    started_at=None,
    finished_at=None,
    result=None,
    error=None,
    version=0,
    node=None,
    rerun_of=None,
)
LATER = AT + timedelta(seconds=1)
DONE = NEW._replace(
    status=JobStatus.SUCCESS,
    ordering_key="key",
    timeout_seconds=2.0,
    expires_at=LATER,
    next_attempt_at=LATER,
    cancel_requested=True,
    started_at=AT + timedelta(milliseconds=2),
    finished_at=LATER,
    result=[1],
    error="why",
    rerun_of=UUID(int=8),
)


@pytest.mark.parametrize("job", [NEW, DONE])
def test_it_is_what_the_model_would_make_of_it(job: Job) -> None:
    """Each field, by its name and in its form."""
    given: dict[str, Any] = job._asdict()
    model = PublicJob.model_validate(
        {**given, "job_id": job.id, "status": job.status.value, "lateness_ms": job.lateness_ms}
    )
    assert public_job(job) == model.model_dump(mode="json", by_alias=True)
