"""What may be wrong with a client's request. The API turns each into an RFC 9457 problem.

Problem
 +- Invalid            422 validation                 it can be read but does not fit
 +- NotFound           404 not-found
 +- IllegalTransition  409 illegal-transition         names what is allowed
 +- LeaseLost          409 lease-lost                 somebody else holds the attempt
 +- VersionConflict    412 version-conflict           If-Match or version is stale
 +- KeyReused          422 idempotency-key-reused     same key, other body
"""

from typing import Any
from uuid import UUID


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


class LeaseLost(Problem):
    """The attempt is held by somebody else."""

    slug, status, title = "lease-lost", 409, "The attempt is not yours"


class VersionConflict(Problem):
    """The job has changed since the version that was named."""

    slug, status, title = "version-conflict", 412, "The job has changed"

    def __init__(self, expected: int, actual: int) -> None:
        super().__init__(
            f"The job is at version {actual}, not {expected}; read it again and repeat the change.",
            expected=expected,
            actual=actual,
        )


class KeyReused(Problem):
    """An idempotency key that came with another body before."""

    slug, status, title = "idempotency-key-reused", 422, "Idempotency key reused"

    def __init__(self, key: str) -> None:
        super().__init__(
            f"Idempotency-Key {key!r} was used with another body; use a new key for a new job."
        )
