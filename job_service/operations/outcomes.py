"""What a unit of database work may fail with; operations decide what to answer.

DatabaseError
 +- Definite       refused; nothing happened
 +- Retryable      nothing happened; later it may
 |   +- Overloaded   too many wait for a connection already
 |   +- Locked       a row's lock was not got in time
 |       +- Busy       and these are the jobs; the rest of the batch may go on without them
 +- Unknown        nobody knows: re-read by the operation's id before answering (R27)
"""

from uuid import UUID

from job_service.operations.problems import Invalid

_CLIENTS_FAULT = frozenset({"22", "23"})
"""Classes of SQLSTATE that a value of the request can cause: data exceptions, broken constraints."""


class DatabaseError(Exception):
    """Base of the three kinds."""


class Definite(DatabaseError):
    """The database refused the statement. `sqlstate` is its five-character code."""

    def __init__(self, message: str, *, sqlstate: str) -> None:
        super().__init__(message)
        self.sqlstate = sqlstate


class Retryable(DatabaseError):
    """Nothing happened: no connection, a lock not got in time, a deadlock broken."""


class Overloaded(Retryable):
    """Nothing happened: as many wait for a connection as may, or it took too long to get one."""


class Locked(Retryable):
    """Nothing happened: somebody keeps a row locked."""


class Busy(Locked):
    """Nothing happened: somebody keeps the rows of `jobs` locked; of none, if they were free when looked at."""

    def __init__(self, message: str, jobs: frozenset[UUID]) -> None:
        super().__init__(message)
        self.jobs = jobs


class Unknown(DatabaseError):
    """The connection broke under way: committed or not, nobody knows."""


class KeysTaken(Exception):
    """Not all jobs could be created, since an idempotency key is taken; nothing happened."""


def refused_value(error: Definite) -> Invalid | None:
    """What to tell the client, if it was a value of the request that the database refused."""
    if error.sqlstate[:2] not in _CLIENTS_FAULT:
        return None
    return Invalid("body", "the database refused a value of this request")
