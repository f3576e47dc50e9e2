"""Create: one job or many, each durable once answered (G1), a repeat under the same key harmless."""

from collections.abc import Mapping, Sequence
from typing import Protocol
from uuid import UUID

from job_service.domain.job import Job, NewJob
from job_service.operations.doorbell import Doorbell
from job_service.operations.outcomes import Unknown
from job_service.operations.problems import KeyReused

TRIES_AFTER_UNKNOWN = 3
"""An insert whose commit nobody heard of is repeated with the same ids; what is there stays (R27)."""


class CreateStore(Protocol):
    """What creating needs of the database."""

    async def insert(self, jobs: Sequence[NewJob]) -> tuple[list[Job], bool]: ...
    async def owners_of(self, keys: Sequence[str]) -> Mapping[str, tuple[bytes, UUID]]: ...
    async def by_ids(self, ids: Sequence[UUID]) -> Mapping[UUID, Job]: ...


class CreateJobs:
    """Creates jobs."""

    def __init__(self, store: CreateStore, doorbell: Doorbell) -> None:
        self._store = store
        self._doorbell = doorbell

    async def create(self, jobs: Sequence[NewJob]) -> list[tuple[Job, bool] | KeyReused]:
        """Create all; for each, in the order given, the job and whether it is new, or what is wrong.

        Raises:
            DatabaseError: nothing was created, or nobody knows.
        """
        first_of_key: dict[str, NewJob] = {}
        for job in jobs:
            if job.idempotency_key is not None:
                first_of_key.setdefault(job.idempotency_key, job)
        unique = [j for j in jobs if first_of_key.get(j.idempotency_key or "", j) is j]
        created = await self._insert(unique)
        missing = [j for j in jobs if j.id not in created]
        owners = await self._owners(missing)
        found = {**created, **await self._store.by_ids([i for _, i in owners.values()])}
        return [self._answer(job, created, owners, found) for job in jobs]

    async def _insert(self, jobs: Sequence[NewJob]) -> dict[UUID, Job]:
        """Insert, and after an unknown commit read by id before anything is answered (R27)."""
        ids = [job.id for job in jobs]
        for tries in range(1, TRIES_AFTER_UNKNOWN + 1):
            try:
                rows, soon = await self._store.insert(jobs)
                break
            except Unknown:
                if tries == TRIES_AFTER_UNKNOWN:
                    raise
                there = await self._store.by_ids(ids)
                if there:
                    self._doorbell.ring()
                    return dict(there)
        created = {job.id: job for job in rows}
        if tries > 1:  # a try before may have come through after it was looked for
            created.update(await self._store.by_ids(ids))
        if soon or tries > 1:
            self._doorbell.ring()
        return created

    async def _owners(self, missing: Sequence[NewJob]) -> Mapping[str, tuple[bytes, UUID]]:
        keys = sorted({job.idempotency_key for job in missing if job.idempotency_key is not None})
        return await self._store.owners_of(keys) if keys else {}

    @staticmethod
    def _answer(
        job: NewJob,
        created: Mapping[UUID, Job],
        owners: Mapping[str, tuple[bytes, UUID]],
        found: Mapping[UUID, Job],
    ) -> tuple[Job, bool] | KeyReused:
        if job.id in created:
            return created[job.id], True
        key = job.idempotency_key or ""
        body_hash, owner = owners[key]
        if body_hash != job.body_hash:
            return KeyReused(key)
        return found[owner], False
