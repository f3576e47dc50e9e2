"""Reports: what became of the attempts a worker holds.

`POST /internal/v1/reports`   ReportRequest -> ReportReply
`POST /internal/v1/parked`    ParkRequest   -> ParkReply

Starts are applied before ends, in one transaction. The same report twice answers "already"; one from an
attempt that is not held any more answers "late", is kept as a ZOMBIE note on its execution, and changes
nothing (DESIGN section 4.7). A result is kept by the worker until its answer is definite (R3).
"""

from enum import StrEnum
from uuid import UUID

from pydantic import AwareDatetime, Field, JsonValue

from shared.contracts.base import AttemptNumber, Message
from shared.contracts.nodes import AttemptRef
from shared.contracts.states import Outcome

MAX_REPORT = 500
MAX_RESULT_BYTES = 65_536
MAX_ERROR_CHARS = 8_192
MAX_PARKED_BYTES = 65_536


FAILURES = ("failed", "failed-for-good", "retry-asked", "timeout", "crashed", "out-of-memory")
"""The reasons that a worker may give for a FAILED attempt: the handler failed, failed so that no further try
helps, asked for another try, took longer than its time, ended its process, took more memory than it may."""


class Start(Message):
    """A held attempt began: its handler was called at `started_at` (lower bound of the database clock)."""

    job_id: UUID
    attempt: AttemptNumber
    started_at: AwareDatetime


class End(Message):
    """An attempt ended. `started_at` is null only if its handler was never called.

    `retry` false: a FAILED without another try whatever is left. `retry_after_seconds`: the handler's
    own wish for the next try, or when a snoozed job is due again.
    """

    job_id: UUID
    attempt: AttemptNumber
    outcome: Outcome
    started_at: AwareDatetime | None = None
    ended_at: AwareDatetime
    result: JsonValue = None
    error: str | None = Field(default=None, max_length=MAX_ERROR_CHARS)
    reason: str = Field(default="", max_length=40)
    retry: bool = True
    retry_after_seconds: float | None = Field(default=None, ge=0, le=31_536_000)


class ReportRequest(Message):
    """At most one such request of a process is on its way at any time."""

    node: UUID
    starts: list[Start] = Field(default_factory=list, max_length=MAX_REPORT)
    ends: list[End] = Field(default_factory=list, max_length=MAX_REPORT)


class Verdict(StrEnum):
    """The answer to one end. All are definite."""

    ACCEPTED = "accepted"
    ALREADY = "already"
    LATE = "late"


class EndAnswer(Message):
    """One end's verdict; `status` is what the job is now, where that is known; `problem` is 409 for a
    late report."""

    job_id: UUID
    attempt: int
    verdict: Verdict
    status: str | None = None
    problem: int | None = None


class ReportReply(Message):
    """Answers to the ends, in the order sent. A start needs none: its end will be answered.

    `untold` are attempts of which nothing was done, since somebody keeps their jobs locked: what was said of
    them, starts too, is to be told again.
    """

    ends: list[EndAnswer]
    now: AwareDatetime
    untold: list[AttemptRef] = Field(default_factory=list)


class ParkedRecord(Message):
    """A record that is not a dispatch. `raw` is base64 of its first 64 KiB, `size` its whole length."""

    topic: str = Field(max_length=249)
    topic_partition: int = Field(ge=0)
    record_offset: int = Field(ge=0)
    sha256: str = Field(pattern=r"^[0-9a-f]{64}$")
    size: int = Field(ge=0)
    reason: str = Field(max_length=500)
    raw: str = Field(max_length=4 * ((MAX_PARKED_BYTES + 2) // 3))


class ParkRequest(Message):
    """At most 100 records, at most 6 MiB of JSON; one row for each topic partition, offset and hash."""

    records: list[ParkedRecord] = Field(min_length=1, max_length=100)


class ParkReply(Message):
    """How many rows were new."""

    parked: int
