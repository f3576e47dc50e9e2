"""What a client may change: cancel, reschedule, and the state by hand (R17).

Zero rows changed is a typed answer: the job is read again, and it is missing, at another version, or in a
state from which the state table knows no such way.
"""

import hashlib
import hmac
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Protocol
from uuid import UUID

from job_service.domain.ended import Ended
from job_service.domain.job import Job
from job_service.domain.wanted import Change, OutsideStart, Wanted
from job_service.operations.doorbell import Doorbell
from job_service.operations.join_changes import JoinChanges
from job_service.operations.outcomes import Unknown
from job_service.operations.problems import (
    IllegalTransition,
    LeaseLost,
    NotFound,
    VersionConflict,
)
from shared.contracts.states import JobStatus
from shared.kernel.ids import new_id


class ChangeStore(Protocol):
    """What is known of a client's changes beside the jobs."""

    async def outside_holder(self, job_id: UUID) -> Any: ...
    async def done_by(self, wanted: Wanted) -> bool: ...


class ReadStore(Protocol):
    """Reading a job."""

    async def get(self, job_id: UUID) -> Job | None: ...


class EndStore(Protocol):
    """Ending an attempt, and what is known of one."""

    async def record(
        self, node: UUID, starts: Sequence[Any], ends: Sequence[Ended]
    ) -> tuple[dict[tuple[UUID, int], str], datetime]: ...
    async def executions(
        self, attempts: Sequence[tuple[UUID, int]]
    ) -> Mapping[tuple[UUID, int], Any]: ...


@dataclass(frozen=True)
class Bells:
    """`due` rings when something may be claimed, `cancels` when a holder is to hear of a cancel."""

    due: Doorbell
    cancels: Doorbell


class ChangeByClient:
    """A client's changes to one job."""

    def __init__(
        self,
        store: ChangeStore,
        joined: JoinChanges,
        jobs: ReadStore,
        ends: EndStore,
        bells: Bells,
        *,
        outside: UUID,
        secret: Callable[[], str],
        uniform: Callable[[], float],
    ) -> None:
        self._store = store
        self._joined = joined
        self._jobs = jobs
        self._ends = ends
        self._bells = bells
        self._outside = outside
        self._secret = secret
        self._uniform = uniform

    async def cancel(self, job_id: UUID, version: int | None = None) -> tuple[Job, bool]:
        """Cancel; the job, and whether it is over now (else the holder was asked).

        Raises:
            Problem: not found, stale version, or nothing left to cancel.
        """
        wanted = Wanted(job_id, version, new_id())
        job = await self._do(wanted, self._joined.cancel)
        if job is None:
            job = await self._read(wanted)
            if not (
                job.cancel_requested and job.status in {JobStatus.SCHEDULED, JobStatus.RUNNING}
            ):
                raise IllegalTransition.of(job, "cancelled")
        self._bells.cancels.ring()
        self._bells.due.ring()
        return job, job.status is JobStatus.CANCELLED

    async def change(self, job_id: UUID, version: int, change: Change) -> Job:
        """Reschedule, reprioritise, relabel a job that nobody holds.

        Raises:
            Problem: not found, stale version, or held, running or settled.
        """
        wanted = Wanted(job_id, version, new_id())
        job = await self._do(wanted, lambda w: self._joined.change(w, change))
        if job is None:
            raise IllegalTransition.of(await self._read(wanted), "changed")
        self._bells.due.ring()
        return job

    async def schedule_now(
        self, job_id: UUID, version: int | None, sources: Sequence[JobStatus]
    ) -> Job:
        """Make it due now: by hand from CREATED or FAILED, `retry` from FAILED only.

        Raises:
            Problem: not found, stale version, or not in one of `sources`.
        """
        wanted = Wanted(job_id, version, new_id())
        names = [s.value for s in sources]
        job = await self._do(wanted, lambda w: self._joined.schedule_now(w, names))
        if job is None:
            raise IllegalTransition.of(await self._read(wanted), "scheduled")
        self._bells.due.ring()
        return job

    async def take_back(self, job_id: UUID, version: int | None) -> Job:
        """Take a job that is SCHEDULED, and that nobody holds, back to CREATED; it is claimed anew.

        Raises:
            Problem: not found, stale version, or not SCHEDULED and free.
        """
        wanted = Wanted(job_id, version, new_id())
        job = await self._do(wanted, self._joined.take_back)
        if job is None:
            raise IllegalTransition.of(await self._read(wanted), "taken back")
        self._bells.due.ring()
        return job

    async def abandon(self, job_id: UUID, version: int | None) -> Job:
        """Give up a job that is FAILED or STOPPED.

        Raises:
            Problem: not found, stale version, or in another state.
        """
        wanted = Wanted(job_id, version, new_id())
        job = await self._do(wanted, self._joined.abandon)
        if job is None:
            raise IllegalTransition.of(await self._read(wanted), "abandoned")
        return job

    async def start_by_hand(self, job_id: UUID, version: int | None) -> tuple[Job, str]:
        """Start an attempt for an executor outside; the job and the lease token that ends it.

        Raises:
            Problem: not found, stale version, or not SCHEDULED and free.
        """
        wanted = Wanted(job_id, version, new_id())
        token = self._secret()
        start = OutsideStart(new_id(), _hash(token))
        job = await self._do(wanted, lambda w: self._joined.start_outside(w, start))
        if job is None:
            waits = await self._read(wanted)
            free = waits.status is JobStatus.SCHEDULED and waits.node is None
            verb = "started before its ordering key is free" if free else "started"
            raise IllegalTransition.of(waits, verb)
        return job, token

    async def end_by_hand(
        self, job_id: UUID, version: int | None, status: JobStatus, token: str | None
    ) -> Job:
        """End an attempt that was started by hand, with its token.

        Raises:
            Problem: not found, stale version, not running, or held by somebody else (lease-lost).
        """
        job = await self._read(Wanted(job_id, version, new_id()))
        if job.status is not JobStatus.RUNNING:
            raise IllegalTransition.of(job, f"set to {status}")
        holder = await self._store.outside_holder(job_id)
        if holder is None or token is None or not _fits(holder["token_hash"], token):
            raise LeaseLost(
                "Only the holder of this attempt's leaseToken may end it; "
                "an attempt that a worker runs is not ended by hand. Use cancel to stop it."
            )
        if not await self._accepted(self._ended(job_id, holder["attempt"], job, status)):
            raise LeaseLost("The attempt ended meanwhile; read the job again.")
        self._bells.due.ring()
        return await self._read(Wanted(job_id, None, new_id()))

    async def _accepted(self, ended: Ended) -> bool:
        """Record it; after an unknown commit once more, and then the execution tells (R27)."""
        attempt = (ended.job_id, ended.attempt)
        try:
            accepted, _ = await self._ends.record(self._outside, [], [ended])
        except Unknown:
            accepted, _ = await self._ends.record(self._outside, [], [ended])
            if attempt not in accepted:
                execution = (await self._ends.executions([attempt]))[attempt]
                return bool(execution["result_hash"] == ended.result_hash)
        return attempt in accepted

    def _ended(self, job_id: UUID, attempt: int, job: Job, status: JobStatus) -> Ended:
        failed = status is JobStatus.FAILED
        return Ended(
            job_id=job_id,
            attempt=attempt,
            outcome=status.value,
            started_at=job.started_at,
            ended_at=datetime.now(UTC),
            result=None,
            error="set to FAILED by hand" if failed else None,
            result_hash=hashlib.sha256(status.value.encode()).digest(),
            reason="by-hand",
            retry=True,
            wait_seconds=None,
            uniform=self._uniform(),
        )

    async def _do(
        self, wanted: Wanted, statement: Callable[[Wanted], Awaitable[Job | None]]
    ) -> Job | None:
        """Run it; after an unknown commit re-read by the operation's id before answering (R27)."""
        try:
            return await statement(wanted)
        except Unknown:
            if not await self._store.done_by(wanted):
                job = await statement(wanted)
                # Refused: by the first try perhaps, which came through after it was looked for.
                if job is not None or not await self._store.done_by(wanted):
                    return job
            return await self._read(Wanted(wanted.job_id, None, wanted.operation))

    async def _read(self, wanted: Wanted) -> Job:
        job = await self._jobs.get(wanted.job_id)
        if job is None:
            raise NotFound("job", wanted.job_id)
        if wanted.version is not None and wanted.version != job.version:
            raise VersionConflict(wanted.version, job.version)
        return job


def _hash(token: str) -> bytes:
    return hashlib.sha256(token.encode()).digest()


def _fits(expected: bytes | None, token: str) -> bool:
    return expected is not None and hmac.compare_digest(expected, _hash(token))
