"""Reports: accept what the holder says, recognise repeats, keep what comes too late as a note."""

import hashlib
import json
import time
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from typing import Any, Protocol
from uuid import UUID

from job_service.domain.ended import Ended
from job_service.operations.busy_jobs import BusyJobs
from job_service.operations.doorbell import Doorbell
from job_service.operations.outcomes import Busy, Retryable
from shared.contracts.nodes import AttemptRef
from shared.contracts.reports import (
    FAILURES,
    End,
    EndAnswer,
    ReportReply,
    ReportRequest,
    Start,
    Verdict,
)

CONFLICT = 409

_SORTED = json.JSONEncoder(sort_keys=True)

TRIES = 3
"""A batch that met jobs that somebody keeps locked goes on without them, at most so often."""

_DEFAULT_REASONS = {
    "SUCCESS": "succeeded",
    "FAILED": "failed",
    "CANCELLED": "cancelled",
    "SNOOZED": "snoozed",
}


class ReportStore(Protocol):
    """What reporting needs of the database."""

    async def record(
        self, node: UUID, starts: Sequence[Start], ends: Sequence[Ended]
    ) -> tuple[dict[tuple[UUID, int], str], datetime]: ...
    async def executions(
        self, attempts: Sequence[tuple[UUID, int]]
    ) -> Mapping[tuple[UUID, int], Any]: ...
    async def note_zombies(self, node: UUID, ends: Sequence[Ended]) -> None: ...


def text_of_result(end: End) -> str | None:
    """What the handler gave back, as JSON text with its names in order; None for nothing."""
    return None if end.result is None else _SORTED.encode(end.result)


def hash_of(end: End, result: str | None) -> bytes:
    """Names an outcome: the same report twice has the same hash. SHA-256, 32 bytes, of the JSON text of a list:
    outcome, `result` as `text_of_result` has it, error."""
    error = "null" if end.error is None else _SORTED.encode(end.error)
    said = [_SORTED.encode(end.outcome.value), result or "null", error]
    return hashlib.sha256(f"[{', '.join(said)}]".encode()).digest()


class ReportAttempts:
    """Judges reports."""

    def __init__(
        self, store: ReportStore, doorbell: Doorbell, *, uniform: Callable[[], float]
    ) -> None:
        self._store = store
        self._doorbell = doorbell
        self._uniform = uniform
        self._busy = BusyJobs(time.monotonic)
        self.verdicts: Counter[str] = Counter()
        """Ends by what they were answered."""
        self.reasons: Counter[str] = Counter()
        """Ends that were accepted, by their reason."""

    async def report(self, request: ReportRequest) -> ReportReply:
        """Apply starts and ends; every end gets a definite verdict, but those whose job somebody keeps locked:
        they are named as untold.

        Raises:
            DatabaseError: nothing definite is known; the worker repeats the same report (R3).
        """
        told: Sequence[Start | End] = [*request.starts, *request.ends]
        for _ in range(TRIES):
            without = self._busy.among([t.job_id for t in told])
            try:
                reply = await self._report(
                    request.node,
                    [s for s in request.starts if s.job_id not in without],
                    [e for e in request.ends if e.job_id not in without],
                )
            except Busy as error:
                self._busy.met(error.jobs)
                continue
            untold = {(t.job_id, t.attempt) for t in told if t.job_id in without}
            refs = [AttemptRef(job_id=job_id, attempt=attempt) for job_id, attempt in untold]
            return reply.model_copy(update={"untold": refs}) if refs else reply
        raise Retryable("jobs kept being locked by others")

    async def _report(
        self, node: UUID, starts: Sequence[Start], told: Sequence[End]
    ) -> ReportReply:
        ends = {(e.job_id, e.attempt): self._ended(e) for e in told}
        accepted, now = await self._store.record(node, starts, list(ends.values()))
        left = {key: end for key, end in ends.items() if key not in accepted}
        others = await self._judge(node, left) if left else {}
        if accepted:
            self._doorbell.ring()
            self.reasons.update(ends[key].reason for key in accepted)
        answers = [
            EndAnswer(job_id=key[0], attempt=key[1], verdict=Verdict.ACCEPTED, status=accepted[key])
            if key in accepted
            else others[key]
            for key in ((e.job_id, e.attempt) for e in told)
        ]
        self.verdicts.update(answer.verdict.value for answer in answers)
        return ReportReply(ends=answers, now=now)

    def _ended(self, end: End) -> Ended:
        result = text_of_result(end)
        return Ended(
            job_id=end.job_id,
            attempt=end.attempt,
            outcome=end.outcome.value,
            started_at=end.started_at,
            ended_at=end.ended_at,
            result=result,
            error=end.error,
            result_hash=hash_of(end, result),
            reason=_reason(end),
            retry=end.retry,
            wait_seconds=end.retry_after_seconds,
            uniform=self._uniform(),
        )

    async def _judge(
        self, node: UUID, left: Mapping[tuple[UUID, int], Ended]
    ) -> dict[tuple[UUID, int], EndAnswer]:
        """Ends that changed nothing: the same report again, or one that is too late."""
        known = await self._store.executions(list(left))
        answers: dict[tuple[UUID, int], EndAnswer] = {}
        late: list[Ended] = []
        for key, end in left.items():
            row = known.get(key)
            same = row is not None and row["node"] == node and row["ended_at"] is not None
            if same and row is not None and row["result_hash"] == end.result_hash:
                answers[key] = EndAnswer(
                    job_id=key[0],
                    attempt=key[1],
                    verdict=Verdict.ALREADY,
                    status=row["job_status"],
                )
                continue
            late.append(end)
            answers[key] = EndAnswer(
                job_id=key[0],
                attempt=key[1],
                verdict=Verdict.LATE,
                status=None if row is None else row["job_status"],
                problem=CONFLICT,
            )
        if late:
            await self._store.note_zombies(node, late)
        return answers


def _reason(end: End) -> str:
    if end.outcome.value == "FAILED" and end.reason in FAILURES:
        return end.reason
    return _DEFAULT_REASONS[end.outcome.value]
