"""Sessions: register, renew, compare, the push of cancels, leaving. One node per process start.

`POST /internal/v1/nodes`                  RegisterNode  -> Registered
`POST /internal/v1/nodes/{node}/renew`     Renew         -> Renewed
`POST /internal/v1/nodes/{node}/compare`   Compare       -> Holdings
`POST /internal/v1/nodes/{node}/cancels`   AskCancels    -> Cancels      (long-poll)
`POST /internal/v1/nodes/{node}/leave`     Leave         -> Left

Every reply carries `now`, a stamp of the database clock taken before the reply was sent.
"""

import json
import re
from typing import Annotated
from uuid import UUID

from pydantic import AfterValidator, AwareDatetime, Field, JsonValue

from shared.contracts.base import AttemptNumber, Message
from shared.contracts.states import NodeRole

MAX_JOB_TYPES = 1_000
MAX_TOPIC_PARTITIONS = 10_000
MAX_RUNNING = 1_000_000
"""Of one job type at once, as its declaration may say."""
MAX_SCHEMA_BYTES = 65_536
"""Of a type's JSON Schema, encoded."""

_NUL = re.compile(r"(?<!\\)(?:\\\\)*\\u0000")

TypeName = Annotated[str, Field(min_length=1, max_length=100, pattern=r"^[A-Za-z][A-Za-z0-9_.-]*$")]


def schema_text(schema: dict[str, JsonValue]) -> str:
    """A JSON Schema as JSON text.

    Raises:
        ValueError: it is larger than `MAX_SCHEMA_BYTES`, or holds what PostgreSQL cannot store.
    """
    text = json.dumps(schema, ensure_ascii=False, allow_nan=False)
    size = len(text.encode())
    if size > MAX_SCHEMA_BYTES:
        raise ValueError(f"the JSON Schema has {size} bytes; at most {MAX_SCHEMA_BYTES}")
    if _NUL.search(text):
        raise ValueError("NUL characters cannot be stored; leave them out of the JSON Schema")
    return text


def _storable(schema: dict[str, JsonValue]) -> dict[str, JsonValue]:
    schema_text(schema)
    return schema


PayloadSchema = Annotated[dict[str, JsonValue], AfterValidator(_storable)]
"""A JSON Schema (an object) of at most `MAX_SCHEMA_BYTES`. The empty one takes everything."""


class DeclaredType(Message):
    """A job type that a worker can run. `timeout_seconds` is the type's default, `payload_schema` what its
    payload must fit. At most `max_running` of it are claimed or with workers at once (null: no limit). A failed
    job keeps its ordering key until its next try has ended, unless its type `passes_key`."""

    name: TypeName
    timeout_seconds: float = Field(gt=0, le=604_800)
    max_running: int | None = Field(default=None, ge=1, le=MAX_RUNNING)
    passes_key: bool = False
    payload_schema: PayloadSchema = Field(default_factory=dict)


class RegisterNode(Message):
    """A process says that it is there. `node` is made afresh at each process start and whenever the
    node before it was declared dead; never from the host name. Repeating it is harmless."""

    node: UUID
    role: NodeRole
    address: str = Field(max_length=300)
    version: str = Field(max_length=50)
    slots: int = Field(default=0, ge=0, le=100_000)
    hold_slots: int = Field(default=0, ge=0, le=100_000)
    types: list[DeclaredType] = Field(default_factory=list, max_length=MAX_JOB_TYPES)


class Registered(Message):
    """`ttl_seconds` is how long the session lives from each renewal, by the database clock.
    `live` is false when this node id was declared dead already: make a new one."""

    live: bool
    ttl_seconds: float
    now: AwareDatetime


class Position(Message):
    """What a worker knows of a topic partition that it is assigned: `committed` is the group's committed
    offset, `end` the offset that the next record will get (R21)."""

    topic_partition: int = Field(ge=0)
    committed: int = Field(ge=0)
    end: int = Field(ge=0)


class Renew(Message):
    """Extends the session. Counts are absolute: a lost report is mended by the next one. `hold_slots` null: as
    before."""

    slots: int = Field(default=0, ge=0)
    hold_slots: int | None = Field(default=None, ge=0)
    running: int = Field(default=0, ge=0)
    held: int = Field(default=0, ge=0)
    positions: list[Position] = Field(default_factory=list, max_length=MAX_TOPIC_PARTITIONS)


class Renewed(Message):
    """`live` false: the node was declared dead and stays dead. Counts the session from *before* the
    request was sent (R5)."""

    live: bool
    ttl_seconds: float
    now: AwareDatetime


class AttemptRef(Message):
    """One attempt of one job; with the node that holds it, this is the fencing token."""

    job_id: UUID
    attempt: AttemptNumber


class Compare(Message):
    """Asks what the database says that this node holds (R2)."""


class Holdings(Message):
    """Everything this node holds, leased and not reported yet."""

    live: bool
    holds: list[AttemptRef]
    now: AwareDatetime


class AskCancels(Message):
    """Long-poll for cancels of attempts that this node holds. Level-triggered: whatever is asked and not
    in `known` is answered, again and again, until the worker names it as known or the attempt ends."""

    known: list[AttemptRef] = Field(default_factory=list, max_length=200_000)
    wait_seconds: float = Field(default=10.0, ge=0, le=30)


class Cancels(Message):
    """Attempts to cancel; empty when the wait ended without any. `drain`: an operator asks the worker to end in
    good order; said again and again until it has left."""

    cancels: list[AttemptRef]
    drain: bool = False


class Leave(Message):
    """The process ends in good order, holding nothing. What it still holds is reaped at once."""


class Left(Message):
    """Said whether the node was live until now or dead before."""

    was_live: bool
