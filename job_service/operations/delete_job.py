"""Delete a settled job. What happened to it stays readable; the job itself is gone."""

from typing import Protocol
from uuid import UUID

from job_service.domain.job import Job
from job_service.operations.outcomes import Unknown
from job_service.operations.problems import IllegalTransition, NotFound, VersionConflict


class DeletionStore(Protocol):
    """What deleting needs of the database."""

    async def delete(self, job_id: UUID, version: int | None) -> bool: ...
    async def was_deleted(self, job_id: UUID) -> bool: ...


class ReadStore(Protocol):
    """Reading a job."""

    async def get(self, job_id: UUID) -> Job | None: ...


class DeleteJob:
    """Deletes one job."""

    def __init__(self, store: DeletionStore, jobs: ReadStore) -> None:
        self._store = store
        self._jobs = jobs

    async def delete(self, job_id: UUID, version: int | None = None) -> None:
        """Delete it.

        Raises:
            Problem: not found, stale version, or not settled.
            DatabaseError: it was not deleted, or nobody knows.
        """
        if await self._done(job_id, version):
            return
        job = await self._jobs.get(job_id)
        if job is None:
            raise NotFound("job", job_id)
        if version is not None and version != job.version:
            raise VersionConflict(version, job.version)
        raise IllegalTransition.of(job, "deleted before it is settled")

    async def _done(self, job_id: UUID, version: int | None) -> bool:
        """Delete; after an unknown commit what was deleted is looked up before answering (R27). Who else
        deleted it meanwhile did what was asked."""
        try:
            return await self._store.delete(job_id, version)
        except Unknown:
            return (
                await self._store.was_deleted(job_id)
                or await self._store.delete(job_id, version)
                or await self._store.was_deleted(job_id)
            )
