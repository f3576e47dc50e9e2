"""What a unit of database work may fail with; operations decide what to answer.

DatabaseError
 +- Definite     refused; nothing happened
 +- Retryable    nothing happened; later it may
 +- Unknown      nobody knows: re-read by the operation's id before answering (R27)
"""


class DatabaseError(Exception):
    """Base of the three kinds."""


class Definite(DatabaseError):
    """The database refused the statement. `sqlstate` is its five-character code."""

    def __init__(self, message: str, *, sqlstate: str) -> None:
        super().__init__(message)
        self.sqlstate = sqlstate


class Retryable(DatabaseError):
    """Nothing happened: no connection, a lock not got in time, a deadlock broken."""


class Unknown(DatabaseError):
    """The connection broke under way: committed or not, nobody knows."""
