"""Rerun: a new job, due now, with everything that a settled one was asked to do."""

import hashlib
import json
from typing import Protocol
from uuid import UUID

from job_service.domain.job import Job, NewJob
from job_service.domain.lifecycle import settled
from job_service.domain.priority import band_of
from job_service.operations.create_jobs import CreateJobs, Fits
from job_service.operations.problems import IllegalTransition, NotFound, Problem, VersionConflict

MAX_ATTEMPTS = 100
"""Retries by hand may have raised those of the first job beyond what a create may ask for."""


class ReadStore(Protocol):
    """Reading a job."""

    async def get(self, job_id: UUID) -> Job | None: ...


class RerunJob:
    """Makes a new job of a settled one."""

    def __init__(self, create: CreateJobs, jobs: ReadStore, fits: Fits) -> None:
        self._create = create
        self._fits = fits
        self._jobs = jobs

    async def rerun(
        self,
        job_id: UUID,
        version: int | None,
        *,
        new_id: UUID,
        traceparent: str | None,
        key: str | None,
    ) -> tuple[Job, bool]:
        """The new job, and whether it is new (else it was made before under this idempotency key). An expiry
        of the old job is not taken over, since it has passed or will.

        Raises:
            Problem: not found, stale version, not settled, its type does not take it any more, or the key
                came with another request.
            DatabaseError: it was not created, or nobody knows.
        """
        old = await self._jobs.get(job_id)
        if old is None:
            raise NotFound("job", job_id)
        if version is not None and version != old.version:
            raise VersionConflict(version, old.version)
        if not settled(old.status, will_retry=old.next_attempt_at is not None):
            raise IllegalTransition.of(old, "run anew before it is settled")
        (answer,) = await self._create.create(
            [_like(old, new_id, traceparent, key)], fits=self._fits
        )
        if isinstance(answer, Problem):
            raise answer
        return answer


def _like(old: Job, new_id: UUID, traceparent: str | None, key: str | None) -> NewJob:
    return NewJob(
        id=new_id,
        name=old.name,
        job_type=old.job_type,
        payload=None if old.payload is None else json.dumps(old.payload),
        scheduled_time=None,
        priority=old.priority,
        band=band_of(old.priority),
        max_attempts=min(old.max_attempts, MAX_ATTEMPTS),
        timeout_seconds=old.timeout_seconds,
        expires_at=None,
        ordering_key=old.ordering_key,
        labels=json.dumps(old.labels),
        traceparent=traceparent,
        idempotency_key=key,
        body_hash=None if key is None else hashlib.sha256(f"rerun {old.id}".encode()).digest(),
        rerun_of=old.id,
    )
