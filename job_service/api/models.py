"""The public shapes of a job (contract.md section 2)."""

import hashlib
import json
import re
from datetime import UTC, datetime
from typing import Annotated, Any, Literal
from uuid import UUID

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, JsonValue
from pydantic.alias_generators import to_camel

from job_service.api.payloads import payload_as_string, payload_text, storable
from job_service.domain.job import Job, NewJob
from job_service.domain.priority import band_of
from job_service.operations.problems import Invalid
from shared.contracts.base import PublicTime, rfc3339
from shared.contracts.nodes import TypeName
from shared.contracts.way import Stamps, way_ms

MAX_NAME_CHARS = 200
MAX_LABELS = 16
MAX_KEY_CHARS = 255
MAX_BATCH = 1_000

_DATE_ONLY = re.compile(r"\s*\d{4}-?\d{2}-?\d{2}\s*")
_RFC3339 = re.compile(
    r"\d{4}-\d\d-\d\d[Tt ]\d\d:\d\d(:\d\d([.,]\d{1,9})?)?([Zz]|[+-]\d\d:?\d\d)?", re.ASCII
)
"""Python's own reader takes weeks, days without hours and more that is no RFC 3339."""


def _request_time(value: Any) -> datetime:
    """RFC 3339; without a zone it is UTC; a date alone is refused."""
    if not isinstance(value, str):
        raise ValueError("a time is a string like 2026-11-21T10:00:00Z")
    if _DATE_ONLY.fullmatch(value):
        raise ValueError("a date alone is no time; write 2026-11-21T10:00:00Z")
    try:
        if not _RFC3339.fullmatch(value):
            raise ValueError
        moment = datetime.fromisoformat(value)
    except ValueError:
        raise ValueError("no such time; write it like 2026-11-21T10:00:00Z") from None
    try:
        moment = moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)
    except OverflowError:
        raise ValueError("the time is out of range") from None
    if not 1970 <= moment.year <= 9998:
        raise ValueError("a time lies between 1970 and 9998")
    return moment


RequestTime = Annotated[datetime, BeforeValidator(_request_time)]
Text = Annotated[str, AfterValidator(storable)]
Label = Annotated[Text, Field(min_length=1, max_length=100)]
Labels = Annotated[dict[Label, Label], Field(max_length=MAX_LABELS)]


class RequestModel(BaseModel):
    """Strict: unknown fields are refused, and so is `"3"` where 3 is meant."""

    model_config = ConfigDict(
        alias_generator=to_camel, populate_by_name=True, extra="forbid", strict=True, frozen=True
    )


class CreateJob(RequestModel):
    """A job to create. All but `name` and `jobType` have defaults."""

    name: Text = Field(min_length=1, max_length=MAX_NAME_CHARS)
    job_type: TypeName
    payload: JsonValue = None
    scheduled_time: RequestTime | None = None
    priority: int = Field(default=0, ge=-100, le=100)
    max_attempts: int = Field(default=3, ge=1, le=100)
    timeout_seconds: float | None = Field(default=None, gt=0, le=604_800)
    expires_at: RequestTime | None = None
    ordering_key: Text | None = Field(default=None, min_length=1, max_length=200)
    labels: Labels = Field(default_factory=dict)

    def body_hash(self) -> bytes:
        """What makes two creates the same. Defaults count as left out, so that a new field changes none."""
        said = self.model_dump(mode="json", exclude_defaults=True, exclude={"idempotency_key"})
        return hashlib.sha256(json.dumps(said, sort_keys=True).encode()).digest()

    def to_new_job(self, job_id: UUID, *, traceparent: str | None, key: str | None) -> NewJob:
        """The job with every default filled in.

        Raises:
            Invalid: the payload does not fit, or the key holds a NUL character.
        """
        if key is not None and "\x00" in key:
            raise Invalid("key", "NUL characters cannot be stored; leave them out")
        return NewJob(
            id=job_id,
            name=self.name,
            job_type=self.job_type,
            payload=payload_text(self.payload),
            payload_as_string=payload_as_string(self.payload),
            scheduled_time=self.scheduled_time,
            priority=self.priority,
            band=band_of(self.priority),
            max_attempts=self.max_attempts,
            timeout_seconds=self.timeout_seconds,
            expires_at=self.expires_at,
            ordering_key=self.ordering_key,
            labels=json.dumps(self.labels) if self.labels else "{}",
            traceparent=traceparent,
            idempotency_key=key,
            body_hash=None if key is None else self.body_hash(),
        )


class BatchItem(CreateJob):
    """One job of a batch, with an idempotency key of its own if it likes."""

    idempotency_key: Text | None = Field(default=None, min_length=1, max_length=MAX_KEY_CHARS)


class CreateBatch(RequestModel):
    """Jobs to create. Each is read as a `BatchItem` by itself, so that a bad one does not spoil the rest."""

    jobs: list[JsonValue] = Field(min_length=1, max_length=MAX_BATCH)


class ChangeJob(RequestModel):
    """What PATCH may change; what is left out stays."""

    scheduled_time: RequestTime | None = None
    priority: int | None = Field(default=None, ge=-100, le=100)
    labels: Labels | None = None


class SetState(RequestModel):
    """The reference contract's transition call."""

    status: Literal[
        "CREATED",
        "SCHEDULED",
        "RUNNING",
        "SUCCESS",
        "FAILED",
        "CANCELLED",
        "STOPPED",
        "WAITING",
        "EXPIRED",
        "ABANDONED",
    ]
    version: int | None = Field(default=None, ge=0, le=2_147_483_647)
    lease_token: str | None = Field(default=None, max_length=200)


class PublicJob(BaseModel):
    """A job as clients see it."""

    model_config = ConfigDict(alias_generator=to_camel, populate_by_name=True)

    job_id: UUID
    name: str
    status: str
    job_type: str
    payload: Any
    scheduled_time: PublicTime
    priority: int
    ordering_key: str | None
    attempt: int
    failures: int
    lost: int
    max_attempts: int
    timeout_seconds: float | None
    expires_at: PublicTime | None
    next_attempt_at: PublicTime | None
    cancel_requested: bool
    labels: dict[str, str]
    created_at: PublicTime
    updated_at: PublicTime
    started_at: PublicTime | None
    finished_at: PublicTime | None
    lateness_ms: float | None
    result: Any
    error: str | None
    version: int
    rerun_of: UUID | None


def public_job(job: Job) -> dict[str, Any]:
    """A job in its public form, ready for JSON: what `PublicJob` would make of it, in a fifth of the time."""
    return {
        "jobId": str(job.id),
        "name": job.name,
        "status": job.status.value,
        "jobType": job.job_type,
        "payload": job.payload,
        "scheduledTime": rfc3339(job.scheduled_time),
        "priority": job.priority,
        "orderingKey": job.ordering_key,
        "attempt": job.attempt,
        "failures": job.failures,
        "lost": job.lost,
        "maxAttempts": job.max_attempts,
        "timeoutSeconds": job.timeout_seconds,
        "expiresAt": _time(job.expires_at),
        "nextAttemptAt": _time(job.next_attempt_at),
        "cancelRequested": job.cancel_requested,
        "labels": job.labels,
        "createdAt": rfc3339(job.created_at),
        "updatedAt": rfc3339(job.updated_at),
        "startedAt": _time(job.started_at),
        "finishedAt": _time(job.finished_at),
        "latenessMs": job.lateness_ms,
        "result": job.result,
        "error": job.error,
        "version": job.version,
        "rerunOf": None if job.rerun_of is None else str(job.rerun_of),
    }


def _time(moment: datetime | None) -> str | None:
    return None if moment is None else rfc3339(moment)


def public_history(row: Any) -> dict[str, Any]:
    """A history row in its public form. A bulk action is named by its id, as in `bulk:01a2…`."""
    actor = row["actor"]
    return {
        "version": row["version"],
        "from": row["from_status"],
        "to": row["to_status"],
        "attempt": row["attempt"],
        "node": None if row["node"] is None else str(row["node"]),
        "at": rfc3339(row["at"]),
        "reason": row["reason"],
        "actor": f"bulk:{row['operation']}" if actor == "bulk" else actor,
    }


def public_execution(row: Any) -> dict[str, Any]:
    """An execution in its public form. Lateness is counted from its own due time."""
    started, due, progress = row["started_at"], row["due_at"], row["progress"]
    stamps = Stamps.model_construct(
        claimed_at=row["claimed_at"],
        published_at=row["published_at"],
        received_at=row["received_at"],
    )
    way = way_ms(due, stamps, leased_at=row["leased_at"], started_at=started)
    return {
        "executionId": str(row["id"]),
        "jobId": str(row["job_id"]),
        "attempt": row["attempt"],
        "node": str(row["node"]),
        "status": row["status"],
        "leasedAt": rfc3339(row["leased_at"]),
        "startedAt": None if started is None else rfc3339(started),
        "endedAt": None if row["ended_at"] is None else rfc3339(row["ended_at"]),
        "latenessMs": way.began,
        "wayMs": way.model_dump(),
        "error": row["error"],
        "notes": row["notes"],
        "progress": None if progress is None else public_line(progress),
    }


def public_line(line: dict[str, Any]) -> dict[str, Any]:
    """A line of a handler's log, or how far it is, in its public form."""
    return {**line, "at": rfc3339(datetime.fromisoformat(line["at"]))}


def public_node(row: Any) -> dict[str, Any]:
    """A node in its public form. `silent`: its session has run out but it is not declared dead yet."""
    state = "silent" if row["state"] == "live" and row["silent"] else row["state"]
    return {
        "nodeId": str(row["id"]),
        "role": row["role"],
        "state": state,
        "address": row["address"],
        "slots": row["slots"],
        "holdSlots": row["hold_slots"],
        "running": row["running"],
        "held": row["held"],
        "types": list(row["types"]),
        "topicPartitions": list(row["topic_partitions"]),
        "version": row["version"],
        "registeredAt": rfc3339(row["registered_at"]),
        "lastSeenAt": rfc3339(row["last_seen_at"]),
        "diedAt": _time(row["died_at"]),
        "drainAskedAt": _time(row["drain_asked_at"]),
    }
