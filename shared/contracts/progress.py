"""What handlers tell while they run: kept with their executions, and shown with the job.

`POST /internal/v1/progress`  TellProgress -> Told

Only the node that the attempt was leased to may tell. What comes after the end of an attempt is kept too: it
is of that attempt all the same. Nothing of a job depends on it, so a repeat may write a line twice.
"""

from typing import Literal
from uuid import UUID

from pydantic import AwareDatetime, Field

from shared.contracts.base import AttemptNumber, Message

MAX_LINES = 200
"""Of one attempt; later ones are not kept."""
MAX_LINE_CHARS = 1_000
MAX_NOTE_CHARS = 200
MAX_COUNT = 2**63 - 1
MAX_TOLD = 200
"""Attempts in one request."""


Level = Literal["info", "warning", "error"]


class Standing(Message):
    """How far a handler is: `done` of `total` (null: nobody knows)."""

    done: int = Field(ge=0, le=MAX_COUNT)
    total: int | None = Field(default=None, ge=0, le=MAX_COUNT)
    note: str = Field(default="", max_length=MAX_NOTE_CHARS)
    at: AwareDatetime


class Line(Message):
    """One line of a handler's log."""

    at: AwareDatetime
    level: Level
    text: str = Field(max_length=MAX_LINE_CHARS)


class AttemptTells(Message):
    """What is new of one attempt."""

    job_id: UUID
    attempt: AttemptNumber
    progress: Standing | None = None
    lines: list[Line] = Field(default_factory=list, max_length=MAX_LINES)


class TellProgress(Message):
    """At most one such request of a process is on its way at any time."""

    node: UUID
    attempts: list[AttemptTells] = Field(min_length=1, max_length=MAX_TOLD)


class Told(Message):
    """How many of the attempts were this node's."""

    kept: int
