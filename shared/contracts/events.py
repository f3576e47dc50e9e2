"""The records on `job-events`: every row of the history, at least once, per job in order; and how a
scheduler gets the rows to publish.

`POST /internal/v1/events`   EventsRequest -> EventsReply   (long-poll)

One live scheduler carries the feed at a time. A request acknowledges, by `acked`, the batch that the broker
has, and asks for the next one. What was not acknowledged is answered again, to whoever carries the feed then;
so a repeat, a lost reply or a carrier that dies costs repeated events and never one that is missing.
"""

from typing import Annotated, Literal, Self
from uuid import UUID

from pydantic import AwareDatetime, Field

from shared.contracts.base import JobVersion, Message, PublicTime, rfc3339
from shared.contracts.states import JobStatus

EVENT_SOURCE = "/punctual/job"
EVENT_TYPES = {status: f"punctual.job.{status.value.lower()}.v1" for status in JobStatus}
"""`ce_type` by the state that the job is in after the transition."""

_TYPES = {status.value: name.encode() for status, name in EVENT_TYPES.items()}
_SOURCE = EVENT_SOURCE.encode()

MAX_EVENTS = 1_000
MAX_WAIT_SECONDS = 30.0

Headers = list[tuple[str, bytes]]
TransactionId = Annotated[int, Field(ge=0, lt=2**63)]


class JobEvent(Message):
    """One transition of a job, as its history has it: the value of a record on `job-events`.

    `jobId` and `version` together name it for ever; `version` rises by exactly 1 with each transition.
    """

    job_id: UUID = Field(description="The job, a UUIDv7; also the key of the record.")
    version: JobVersion = Field(
        description="0 when created; rises by exactly 1 with each transition."
    )
    from_: JobStatus | None = Field(alias="from", description="The state before; null at creation.")
    to: JobStatus = Field(description="The state after; may be the same, see reason.")
    attempt: int = Field(ge=0, description="How often the job had entered SCHEDULED; 0 before.")
    node: UUID | None = Field(description="The scheduler or worker that had it done, if one had.")
    at: PublicTime = Field(description="When it was recorded, by the clock of the database.")
    reason: str = Field(description="Why, as a stable word.")
    actor: str = Field(description="Who: client, scheduler, worker or a duty of the service.")
    job_type: str | None = Field(description="The job's type; null when the job was deleted since.")
    schema_: Literal[1] = Field(default=1, alias="schema")


class FeedEvent(Message):
    """An event on its way to the topic. `value` is the record's, a `JobEvent` as JSON text: the scheduler
    passes it on as it is, because there are four for each job."""

    job_id: str
    version: int
    to: str
    at: str
    value: str
    traceparent: str | None = None

    @classmethod
    def of(cls, event: JobEvent, traceparent: str | None = None) -> Self:
        """The same, of an event."""
        return cls(
            job_id=str(event.job_id),
            version=event.version,
            to=event.to.value,
            at=rfc3339(event.at),
            value=event.model_dump_json(by_alias=True),
            traceparent=traceparent,
        )

    @property
    def event(self) -> JobEvent:
        """What it tells."""
        return JobEvent.model_validate_json(self.value)


class FeedCursor(Message):
    """A place in the feed. It means something to job_service only."""

    cluster: str = Field(max_length=100)
    xid: TransactionId
    job_id: UUID
    version: JobVersion


class EventsRequest(Message):
    """`acked`: the `end` of the batch that the broker has. Waits up to `wait_seconds` for the first event, or
    to become the carrier. `limit` may be exceeded by the few events that a job's order asks for."""

    node: UUID
    acked: FeedCursor | None = None
    limit: int = Field(ge=1, le=MAX_EVENTS)
    wait_seconds: float = Field(default=0.0, ge=0, le=MAX_WAIT_SECONDS)


class EventsReply(Message):
    """Events to publish in this order, at least within each job. `live` false: the node is dead, register
    anew. `carrier` false: another scheduler carries the feed. `more`: there are further ones at once."""

    live: bool
    carrier: bool
    events: list[FeedEvent]
    end: FeedCursor | None
    more: bool
    now: AwareDatetime


def encode(fed: FeedEvent) -> tuple[bytes, bytes, Headers]:
    """The record's key, its value, and its CloudEvents 1.0 binary-mode headers."""
    job_id = fed.job_id.encode()
    headers = [
        ("ce_specversion", b"1.0"),
        ("ce_type", _TYPES[fed.to]),
        ("ce_source", _SOURCE),
        ("ce_id", b"%s/%d" % (job_id, fed.version)),
        ("ce_subject", job_id),
        ("ce_time", fed.at.encode()),
        ("content-type", b"application/json"),
    ]
    if fed.traceparent:
        headers.append(("traceparent", fed.traceparent.encode()))
    return job_id, fed.value.encode(), headers
