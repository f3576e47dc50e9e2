"""Bulk actions: what is done to all dead letters that match a filter (ADR 0013)."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import NamedTuple
from uuid import UUID

from job_service.domain.letters import LetterWish


class BulkVerb(StrEnum):
    """What is done to each job. An export only finds them; they are read from its report."""

    RETRY = "retry"
    ABANDON = "abandon"
    EXPORT = "export"


class BulkState(StrEnum):
    """First the jobs that match are noted, then each of them is dealt with."""

    MATCHING = "matching"
    RUNNING = "running"
    DONE = "done"
    STOPPED = "stopped"


class Skipped(StrEnum):
    """Why a job that matched was left alone."""

    CHANGED = "changed"
    DELETED = "deleted"
    LOCKED = "locked"


@dataclass(frozen=True)
class NewBulk:
    """A bulk action to begin. `most_jobs`: so many jobs at most, the newest ones."""

    id: UUID
    verb: BulkVerb
    wish: LetterWish
    dry_run: bool
    most_jobs: int
    key: str | None
    body_hash: bytes


class Bulk(NamedTuple):
    """A bulk action as it is. `matched` jobs were noted; of them `done`, `skipped` and `failed` are dealt
    with."""

    id: UUID
    verb: BulkVerb
    wish: LetterWish
    dry_run: bool
    most_jobs: int
    state: BulkState
    matched: int
    done: int
    skipped: int
    failed: int
    created_at: datetime
    updated_at: datetime
    finished_at: datetime | None


class BulkItem(NamedTuple):
    """One job of the report. `outcome` None: not dealt with."""

    job_id: UUID
    version: int
    outcome: str | None
    note: str | None


class Stepped(NamedTuple):
    """What one chunk did. `of`: the action, None where there was nothing to do."""

    of: UUID | None
    matched: int = 0
    done: int = 0
    skipped: int = 0
    failed: int = 0
    ended: bool = False


class Chunk(NamedTuple):
    """How much one transaction takes on: rows of narrow tables to look at for what matches, and jobs to deal
    with; and after how many rounds a job that is always locked is left alone."""

    walk: int
    jobs: int
    rounds: int


class Stuck(Exception):
    """Nothing happened: the database refused to deal with these jobs together. `locked`: somebody keeps a row
    locked that one of them needs."""

    def __init__(self, of: UUID, jobs: list[UUID], *, locked: bool, why: str) -> None:
        super().__init__(why)
        self.of, self.jobs, self.locked = of, jobs, locked
