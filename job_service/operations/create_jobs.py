"""Create: one job or many, each durable once answered (G1), a repeat under the same key harmless."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Protocol
from uuid import UUID

from job_service.domain.job import Job, NewJob
from job_service.operations.doorbell import Doorbell
from job_service.operations.outcomes import Definite, KeysTaken, Unknown, refused_value
from job_service.operations.problems import KeyInFlight, KeyOfDeletedJob, KeyReused, Problem

TRIES_AFTER_UNKNOWN = 3
"""An insert whose commit nobody heard of is repeated with the same ids; what is there stays (R27)."""

TRIES_WHEN_TAKEN = 5
"""How often all or nothing is tried again because keys were taken meanwhile, each time by others."""

APART_AT_ONCE = 4
"""So many at once are created by themselves after a group met a key that somebody else is taking."""

Answer = tuple[Job, bool] | Problem
"""A job and whether it is new, or what is wrong with its create."""

Owners = Mapping[str, tuple[bytes | None, UUID]]
"""For each idempotency key that is taken: hash of the body and id of its job."""


Fits = Callable[[Sequence[tuple[str, str | None]]], Awaitable[Sequence[Problem | None]]]
"""For job types and payloads (JSON text): what is wrong with each, None if it fits."""


class NotAll(Exception):
    """All or nothing, and nothing it was. `problems`: what is wrong, by position."""

    def __init__(self, problems: Mapping[int, Problem]) -> None:
        super().__init__(f"{len(problems)} jobs cannot be created")
        self.problems = problems


class CreateStore(Protocol):
    """What creating needs of the database."""

    async def insert(
        self, jobs: Sequence[NewJob], *, all_or_none: bool = False
    ) -> tuple[list[Job], bool]: ...
    async def owners_of(self, keys: Sequence[str]) -> Owners: ...
    async def by_ids(self, ids: Sequence[UUID]) -> Mapping[UUID, Job]: ...


class CreateJobs:
    """Creates jobs."""

    def __init__(self, store: CreateStore, doorbell: Doorbell) -> None:
        self._store = store
        self._doorbell = doorbell

    async def create(self, jobs: Sequence[NewJob], *, fits: Fits | None = None) -> list[Answer]:
        """Create all; for each, in the order given, the job and whether it is new, or what is wrong.

        `fits` judges new jobs only: a repeat is answered with its job, whatever its type has come to since.

        Raises:
            DatabaseError: nobody knows whether all were created.
            KeyInFlight: a key's first request is not done yet; the others may be created.
        """
        heads = _heads(jobs)
        firsts, unfit = await _fitted([job for job in jobs if heads[job.id] is job], fits)
        made, refused = await self._one_by_one([job for job in firsts if job.id not in unfit])
        refused.update(unfit)
        owners, found = await self._taken([job for job in jobs if job.id not in made])
        every = {**found, **made}
        mine = {
            j.idempotency_key: (j.body_hash, j.id)
            for j in firsts
            if j.id in made and j.idempotency_key
        }
        # Nobody has the key: it, or the one whose key it repeats, was refused.
        return [
            _answer(job, made, {**owners, **mine}, every) or refused[heads[job.id].id]
            for job in jobs
        ]

    async def create_together(self, jobs: Sequence[NewJob], *, fits: Fits) -> Sequence[Answer]:
        """As `create`, for jobs of clients who know nothing of each other: a key whose first request is not
        done yet is the problem of its own job alone.

        Raises:
            DatabaseError: nobody knows whether all were created.
        """
        try:
            return await self.create(jobs, fits=fits)
        except KeyInFlight as problem:
            if len(jobs) == 1:
                return [problem]
        answers: list[Answer] = []
        for first in range(0, len(jobs), APART_AT_ONCE):
            few = jobs[first : first + APART_AT_ONCE]
            alone = [self.create_together([job], fits=fits) for job in few]
            answers += [answer for one in await asyncio.gather(*alone) for answer in one]
        return answers

    async def create_all(
        self, jobs: Sequence[NewJob], *, fits: Fits | None = None
    ) -> list[tuple[Job, bool]]:
        """Create all or none; for each, in the order given, the job and whether it is new.

        Raises:
            NotAll: nothing was created.
            DatabaseError: nothing was created, or nobody knows.
            KeyInFlight: a key's first request is not done yet; nothing was created.
        """
        heads = _heads(jobs)
        firsts, unfit = await _fitted([job for job in jobs if heads[job.id] is job], fits)
        wrong: dict[int, Problem] = {
            n: KeyReused(job.idempotency_key or "")
            for n, job in enumerate(jobs)
            if job.body_hash != heads[job.id].body_hash
        }
        for _ in range(TRIES_WHEN_TAKEN):
            owners, found = await self._taken(jobs)
            for n, job in enumerate(jobs):
                known = _answer(job, {}, owners, found) or unfit.get(job.id)
                if isinstance(known, Problem):
                    wrong.setdefault(n, known)
            if wrong:
                raise NotAll(wrong)
            new = [job for job in firsts if job.idempotency_key not in owners]
            try:
                made = await self._insert(new, all_or_none=True)
            except KeysTaken:
                continue
            mine = {j.idempotency_key: (j.body_hash, j.id) for j in new if j.idempotency_key}
            told = [_answer(job, made, {**owners, **mine}, {**found, **made}) for job in jobs]
            return [answer for answer in told if isinstance(answer, tuple)]
        raise KeyInFlight

    async def _one_by_one(
        self, jobs: Sequence[NewJob]
    ) -> tuple[dict[UUID, Job], dict[UUID, Problem]]:
        """Insert in as few statements as possible: one that the database refuses is cut in halves, until
        the bad job is alone. What was created, and what was refused."""
        try:
            return await self._insert(jobs), {}
        except Definite as error:
            refused = refused_value(error)
            if refused is None:
                raise
            if len(jobs) == 1:
                return {}, {jobs[0].id: refused}
        half = len(jobs) // 2
        made, wrong = await self._one_by_one(jobs[:half])
        more_made, more_wrong = await self._one_by_one(jobs[half:])
        return {**made, **more_made}, {**wrong, **more_wrong}

    async def _insert(
        self, jobs: Sequence[NewJob], *, all_or_none: bool = False
    ) -> dict[UUID, Job]:
        """Insert, and after an unknown commit read by id before anything is answered (R27)."""
        if not jobs:
            return {}
        ids = [job.id for job in jobs]
        for tries in range(1, TRIES_AFTER_UNKNOWN + 1):
            try:
                rows, soon = await self._store.insert(jobs, all_or_none=all_or_none)
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

    async def _taken(self, jobs: Sequence[NewJob]) -> tuple[Owners, Mapping[UUID, Job]]:
        """Who has the keys of these jobs, and what was made under them."""
        keys = sorted({job.idempotency_key for job in jobs if job.idempotency_key is not None})
        if not keys:
            return {}, {}
        owners = await self._store.owners_of(keys)
        if not owners:
            return {}, {}
        return owners, await self._store.by_ids([job_id for _, job_id in owners.values()])


def _answer(
    job: NewJob, made: Mapping[UUID, Job], owners: Owners, found: Mapping[UUID, Job]
) -> Answer | None:
    """What is known of a create; None while nobody has its key."""
    if job.id in made:
        return made[job.id], True
    key = job.idempotency_key
    if key is None or key not in owners:
        return None
    body_hash, owner = owners[key]
    if body_hash != job.body_hash:
        return KeyReused(key)
    if owner not in found:
        return KeyOfDeletedJob(key, owner)
    return found[owner], owner == job.id


async def _fitted(
    jobs: Sequence[NewJob], fits: Fits | None
) -> tuple[list[NewJob], dict[UUID, Problem]]:
    """The jobs, and what is wrong with those that do not fit their types. One that came with an object inside a
    string, of a type that takes the string only, has the string (DUMMY takes any)."""
    if fits is None:
        return list(jobs), {}
    judged = await fits([(job.job_type, job.payload) for job in jobs])
    unfit = {job.id: wrong for job, wrong in zip(jobs, judged, strict=True) if wrong is not None}
    strings = {
        j.id: (j.job_type, j.payload_as_string)
        for j in jobs
        if j.id in unfit and j.payload_as_string
    }
    if not strings:
        return list(jobs), unfit
    still = dict(zip(strings, await fits(list(strings.values())), strict=True))
    taken = {job_id for job_id, wrong in still.items() if wrong is None}
    fitted = [j._replace(payload=j.payload_as_string) if j.id in taken else j for j in jobs]
    return fitted, {job_id: wrong for job_id, wrong in unfit.items() if job_id not in taken}


def _heads(jobs: Sequence[NewJob]) -> dict[UUID, NewJob]:
    """For each job the first one with its key; itself without a key."""
    first: dict[str, NewJob] = {}
    for job in jobs:
        if job.idempotency_key is not None:
            first.setdefault(job.idempotency_key, job)
    return {job.id: first.get(job.idempotency_key or "", job) for job in jobs}
