"""Claim: a scheduler takes what is due, to publish it.

`POST /internal/v1/claims`   ClaimRequest -> ClaimReply   (long-poll)

A claim acknowledges the batches received before (R8): `acked` is the highest `seq` whose reply arrived, and
what was claimed under a later one and is not leased is sent again. `seq` rises with every request; a request
that arrives after a later one claims nothing, so a batch can never be claimed behind the scheduler's back.
"""

from uuid import UUID

from pydantic import AwareDatetime, Field

from shared.contracts.base import AttemptNumber, JobTypeName, JobVersion, Message

MAX_CLAIM = 1_000


class Published(Message):
    """Where the record of an attempt landed, so that its loss can be told from its lateness (R21)."""

    job_id: UUID
    attempt: AttemptNumber
    topic_partition: int = Field(ge=0)
    record_offset: int = Field(ge=0)


class ClaimRequest(Message):
    """`limit` jobs at most (besides those sent again); waits up to `wait_seconds` for the first."""

    node: UUID
    seq: int = Field(ge=1)
    acked: int = Field(ge=0)
    limit: int = Field(ge=1, le=MAX_CLAIM)
    wait_seconds: float = Field(default=0.0, ge=0, le=30)
    published: list[Published] = Field(default_factory=list, max_length=10_000)


class Claimed(Message):
    """One job to publish at `due_at` minus the lead."""

    job_id: UUID
    attempt: AttemptNumber
    version: JobVersion
    job_type: JobTypeName
    due_at: AwareDatetime
    ordering_key: str | None = None
    traceparent: str | None = None


class ClaimReply(Message):
    """`live` false: the node is dead, register anew and forget what was claimed. `seconds_to_lease`: what all
    but one in a hundred records took lately from their sending to the lease, as workers and records tell."""

    live: bool
    jobs: list[Claimed]
    now: AwareDatetime
    seconds_to_lease: float | None = Field(default=None, ge=0)
