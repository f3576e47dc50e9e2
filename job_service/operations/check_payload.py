"""What is known of job types, and whether a job to create fits its type.

The types are kept in the database and read from there each second, so that a create asks nobody. Before a job
is refused they are read once more: a type that was declared a moment ago is known, and one that was declared
anew is judged by its new schema.

Ask for jobs that are new: a repeat under an idempotency key is answered with its job, whatever its type has
come to since.
"""

import asyncio
from collections.abc import Mapping, Sequence
from typing import Protocol

from job_service.domain.nearest_name import nearest_name
from job_service.domain.payload_schema import NoSchema, PayloadSchema
from job_service.operations.problems import PayloadInvalid, Problem, UnknownJobType
from shared.runtime.log import get

READ_EVERY_SECONDS = 1.0


class TypeStore(Protocol):
    """What the check needs of the database."""

    async def revisions(self) -> Mapping[str, str]: ...
    async def schemas(self, names: Sequence[str]) -> Mapping[str, tuple[str, str | None]]: ...


class TypeCheck:
    """The job types of all workers, those that are gone included. `run_once` reads what has changed."""

    def __init__(self, store: TypeStore) -> None:
        self._store = store
        self._revisions: dict[str, str] = {}
        self._schemas: dict[str, PayloadSchema | None] = {}
        self._reading: asyncio.Task[None] | None = None
        self._next: asyncio.Task[None] | None = None
        self._log = get(__name__)

    async def check(self, job_type: str, payload: str | None) -> Problem | None:
        """What is wrong with a job of this type and payload (JSON text, null for none); None if it fits.

        Raises:
            DatabaseError: nobody knows, because the types cannot be read now.
        """
        return (await self.check_all([(job_type, payload)]))[0]

    async def check_all(self, jobs: Sequence[tuple[str, str | None]]) -> list[Problem | None]:
        """The same for many, in the order given; the types are read at most once for all of them."""
        answers = [self._judge(*job) for job in jobs]
        if any(answers):
            await self._read_now()
            answers = [
                None if answer is None else self._judge(*job)
                for answer, job in zip(answers, jobs, strict=True)
            ]
        return answers

    async def run_once(self) -> dict[str, int]:
        """Read what has changed."""
        await self._read_now()
        return {"types": len(self._schemas)}

    def _judge(self, job_type: str, payload: str | None) -> Problem | None:
        if job_type not in self._schemas:
            names = sorted(self._schemas)
            return UnknownJobType(job_type, names, nearest_name(job_type, names))
        schema = self._schemas[job_type]
        errors = schema.errors(payload) if schema is not None else []
        return PayloadInvalid(job_type, [(e.loc, e.msg) for e in errors]) if errors else None

    async def _read_now(self) -> None:
        """Wait for a reading that begins from now on. All who come while one is under way share the next."""
        if self._next is None:
            self._next = asyncio.create_task(self._read_after(self._reading))
        await asyncio.shield(self._next)

    async def _read_after(self, before: asyncio.Task[None] | None) -> None:
        if before is not None:
            await asyncio.wait({before})
        self._reading, self._next = self._next, None
        await self._read()

    async def _read(self) -> None:
        revisions = dict(await self._store.revisions())
        changed = [n for n, revision in revisions.items() if self._revisions.get(n) != revision]
        if not changed:
            return
        for name, (revision, text) in (await self._store.schemas(changed)).items():
            self._schemas[name] = self._compiled(name, text)
            self._revisions[name] = revision

    def _compiled(self, name: str, text: str | None) -> PayloadSchema | None:
        """None where there is no schema that can be used: then the worker is the one that judges."""
        try:
            return None if text is None else PayloadSchema(text)
        except NoSchema as error:
            self._log.warning("payloads are not checked", job_type=name, error=str(error))
            return None
