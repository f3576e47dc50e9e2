"""Lease: a worker asks for the attempts that it read from the topic, before it runs anything.

`POST /internal/v1/leases`     LeaseRequest   -> LeaseReply
`POST /internal/v1/releases`   ReleaseRequest -> ReleaseReply

Idempotent per (job, attempt, node): a repeat answers "granted" again (R1). The record's offset may be
committed once the decision is here, and not when the answer is "node dead" (R28).
"""

from enum import StrEnum
from uuid import UUID

from pydantic import AwareDatetime, Field, JsonValue

from shared.contracts.base import AttemptNumber, Message
from shared.contracts.nodes import AttemptRef
from shared.contracts.way import Stamps

MAX_LEASE = 200
"""Attempts in one request; with 64 KiB of payload each, a reply is 12.5 MiB at most."""


class DeclineReason(StrEnum):
    """Why a worker cannot take a record's attempt. The job goes back to `due` with a short back-off and
    keeps its attempt (R23)."""

    UNKNOWN_TYPE = "unknown-type"
    NO_SLOT = "no-slot"


class LeaseItem(Message):
    """One attempt wanted (`decline` null) or declined. `way` is kept with the execution, and the lead
    follows it; the grant does not depend on it."""

    job_id: UUID
    attempt: AttemptNumber
    decline: DeclineReason | None = None
    way: Stamps | None = None


class LeaseRequest(Message):
    """At most one such request of a process is on its way at any time."""

    node: UUID
    items: list[LeaseItem] = Field(min_length=1, max_length=MAX_LEASE)


class Decision(StrEnum):
    """What became of one item. All three settle the record; a dead node settles none."""

    GRANTED = "granted"
    REFUSED = "refused"
    DECLINED = "declined"


class Lease(Message):
    """The answer to one item, in the order asked. Fields below `reason` come with a grant only.

    `running` true: it was due and is RUNNING from now on; start it at once. False: held; start it at
    `due_at` by the database clock, never before, and report the start. `timeout_seconds` counts from the
    start; the server ends the attempt 10 s later (R16). `epoch` with `attempt` is the fencing token
    that outside targets are shown (R22): it rises when a standby of the database is promoted.
    """

    job_id: UUID
    attempt: int
    decision: Decision
    reason: str = ""
    running: bool = False
    job_type: str = ""
    payload: JsonValue = None
    due_at: AwareDatetime | None = None
    timeout_seconds: float = 0.0
    execution_id: UUID | None = None
    epoch: int = 0
    failures: int = 0
    max_attempts: int = 0
    cancel_requested: bool = False
    name: str = ""
    traceparent: str | None = None


class LeaseReply(Message):
    """`live` false: the node is dead, nothing was decided; register anew and ask again as the new node.

    An item that is not among `leases` was not decided, since somebody keeps its job locked: ask for it again.
    """

    live: bool
    leases: list[Lease]
    now: AwareDatetime


class ReleaseRequest(Message):
    """Gives attempts back unrun or interrupted: `failures` and `lost` stay, the attempt is void."""

    node: UUID
    items: list[AttemptRef] = Field(min_length=1, max_length=1_000)
    reason: str = Field(default="released", max_length=40, pattern=r"^[a-z][a-z-]*$")


class ReleaseReply(Message):
    """`released` are those that this node held until now; of the others it held nothing."""

    released: list[AttemptRef]
