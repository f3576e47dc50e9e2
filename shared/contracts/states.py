"""The names of a job's states. Which may follow which is decided in one place only:
`job_service/domain/lifecycle.py`."""

from enum import StrEnum


class JobStatus(StrEnum):
    """Where a job is in its life (DESIGN section 3)."""

    CREATED = "CREATED"
    SCHEDULED = "SCHEDULED"
    RUNNING = "RUNNING"
    SUCCESS = "SUCCESS"
    FAILED = "FAILED"
    CANCELLED = "CANCELLED"
    STOPPED = "STOPPED"
    WAITING = "WAITING"
    EXPIRED = "EXPIRED"
    ABANDONED = "ABANDONED"


class NodeRole(StrEnum):
    """What kind of process a node is."""

    WORKER = "worker"
    SCHEDULER = "scheduler"


class Outcome(StrEnum):
    """What the lease holder says of an attempt when it ends it."""

    SUCCESS = "SUCCESS"
    FAILED = "FAILED"
    CANCELLED = "CANCELLED"
    SNOOZED = "SNOOZED"
