"""What may be wrong with a client's request. The API turns each into an RFC 9457 problem.

Problem
 +- Invalid            422 validation                 it can be read but does not fit
 +- NotFound           404 not-found
 +- IllegalTransition  409 illegal-transition         names what is allowed
 +- LeaseLost          409 lease-lost                 somebody else holds the attempt
 +- VersionConflict    412 version-conflict           If-Match is stale
 |   +- StaleVersion   409 version-conflict           the version in the body is stale
 +- UnknownJobType     422 unknown-job-type           no worker ever declared it
 +- PayloadInvalid     422 payload-invalid            not by the JSON Schema of its type
 +- KeyReused          422 idempotency-key-reused     same key, other body
 +- KeyInFlight        409 idempotency-in-flight      the first request with this key is not done yet
 +- KeyOfDeletedJob    409 job-deleted                the job made under this key was deleted
 +- TooManyBulks       409 too-many-bulk-actions      as many as may be have not ended
 +- NotDrainable       409 not-drainable              no live worker
"""

from collections.abc import Sequence
from typing import Any, Self
from uuid import UUID

from job_service.domain.job import Job
from job_service.domain.lifecycle import allowed_to_clients

MAX_LISTED = 50
"""Errors, or known names, that one answer lists."""


class Problem(Exception):
    """Base: `slug` and `status` are stable, `facts` go into the body, the text says what to do."""

    slug = "problem"
    status = 500
    title = "Problem"

    def __init__(self, message: str, **facts: Any) -> None:
        super().__init__(message)
        self.facts = facts


class Invalid(Problem):
    """Valid JSON that does not fit."""

    slug, status, title = "validation", 422, "The request does not fit"

    def __init__(self, where: str, message: str) -> None:
        super().__init__(f"{where}: {message}", errors=[{"loc": [where], "msg": message}])


class NotFound(Problem):
    """No such thing."""

    slug, status, title = "not-found", 404, "Not found"

    def __init__(self, what: str, which: UUID | str) -> None:
        super().__init__(f"There is no {what} {which}; check the id.")


class IllegalTransition(Problem):
    """The state table has no such edge for clients."""

    slug, status, title = "illegal-transition", 409, "Not possible in this state"

    @classmethod
    def of(cls, job: Job, verb: str) -> Self:
        """`verb` is what cannot be done, as in "cancelled"."""
        allowed = [s.value for s in allowed_to_clients(job.status)]
        holder = " and a worker holds it" if job.node is not None else ""
        ways = ", ".join(allowed) or "nothing, the state is final"
        return cls(
            f"The job is {job.status}{holder} and cannot be {verb}; from here it can become: {ways}.",
            current=job.status.value,
            allowed=allowed,
            version=job.version,
        )


class LeaseLost(Problem):
    """The attempt is held by somebody else."""

    slug, status, title = "lease-lost", 409, "The attempt is not yours"


class VersionConflict(Problem):
    """The job has changed since the version that `If-Match` named."""

    slug, status, title = "version-conflict", 412, "The job has changed"

    def __init__(self, expected: int, actual: int) -> None:
        super().__init__(
            f"The job is at version {actual}, not {expected}; read it again and repeat the change.",
            expected=expected,
            actual=actual,
        )


class StaleVersion(VersionConflict):
    """The same for a `version` in the body, which is no precondition of HTTP."""

    status = 409


class UnknownJobType(Problem):
    """A job type that no worker has declared."""

    slug, status, title = "unknown-job-type", 422, "Unknown job type"

    def __init__(self, job_type: str, known: Sequence[str], nearest: str | None) -> None:
        guess = (
            f"; did you mean {nearest}?" if nearest is not None else "; start a worker that has it."
        )
        super().__init__(
            f"No worker has declared the job type {job_type!r}{guess}",
            known=list(known[:MAX_LISTED]),
            didYouMean=nearest,
        )


class PayloadInvalid(Problem):
    """A payload that does not fit the JSON Schema of its job type. `errors`: where, and what is wrong."""

    slug, status, title = "payload-invalid", 422, "The payload does not fit its job type"

    def __init__(self, job_type: str, errors: Sequence[tuple[Sequence[str], str]]) -> None:
        where, what = errors[0]
        super().__init__(
            f"{'.'.join(where)}: {what}, says the schema of {job_type}.",
            errors=[{"loc": list(loc), "msg": msg} for loc, msg in errors[:MAX_LISTED]],
        )


class KeyReused(Problem):
    """An idempotency key that came with another body before."""

    slug, status, title = "idempotency-key-reused", 422, "Idempotency key reused"

    def __init__(self, key: str) -> None:
        super().__init__(
            f"Idempotency-Key {key!r} was used with another body; use a new key for a new job."
        )


class KeyInFlight(Problem):
    """Another request took the key and has not committed within the time that a lock is waited for."""

    slug, status, title = "idempotency-in-flight", 409, "A request with this key is under way"

    def __init__(self) -> None:
        super().__init__(
            "A request with the same idempotency key is not done yet; repeat this one after a second."
        )


class KeyOfDeletedJob(Problem):
    """The repeat of a create whose job was deleted since."""

    slug, status, title = "job-deleted", 409, "The job of this key was deleted"

    def __init__(self, key: str, job_id: UUID) -> None:
        super().__init__(
            f"Idempotency-Key {key!r} made job {job_id}, which was deleted; use a new key for a new job.",
            jobId=str(job_id),
        )


class TooManyBulks(Problem):
    """As many bulk actions as may be have not ended."""

    slug, status, title = "too-many-bulk-actions", 409, "Too many bulk actions"

    def __init__(self, most: int) -> None:
        super().__init__(
            f"{most} bulk actions have not ended; wait for one, or stop one.", most=most
        )


class NotDrainable(Problem):
    """A scheduler, or a node that is dead."""

    slug, status, title = "not-drainable", 409, "Not a live worker"

    def __init__(self, node: UUID, what: str) -> None:
        super().__init__(f"Node {node} is {what}; only a live worker can be asked to drain.")
