"""The record on `job-execution-requests`: "there is an attempt to lease". It carries ids only.

PostgreSQL is the truth and Kafka the doorbell: a record that is lost, repeated, forged or late starts
nothing wrong, because the lease decides (contract.md section 3).
"""

import json
from collections.abc import Iterable
from datetime import UTC
from functools import lru_cache
from typing import Literal
from uuid import UUID

from pydantic import AwareDatetime, Field, ValidationError

from shared.contracts.base import AttemptNumber, JobTypeName, JobVersion, Message
from shared.contracts.claims import Claimed

EVENT_TYPE = "punctual.dispatch.v1"
EVENT_SOURCE = "/punctual/scheduler"
_TYPE, _SOURCE = EVENT_TYPE.encode(), EVENT_SOURCE.encode()
MAX_RECORD_BYTES = 4_096
"""A dispatch record is some 250 bytes; anything larger than this is not one."""


class Dispatch(Message):
    """One attempt that is due, or will be within the lead."""

    job_id: UUID
    attempt: AttemptNumber
    version: JobVersion
    job_type: JobTypeName
    due_at: AwareDatetime
    schema_: Literal[1] = Field(default=1, alias="schema")


class NotADispatch(ValueError):
    """The record cannot be read as a dispatch; the text says why. It is parked, never retried."""


def encode(
    dispatch: Dispatch | Claimed,
    *,
    traceparent: str | None,
    stamps: Iterable[tuple[str, bytes]] = (),
) -> tuple[bytes, list[tuple[str, bytes]]]:
    """The record's value and its CloudEvents 1.0 binary-mode headers; `stamps` are further ones that say when
    (`shared.contracts.way`)."""
    job_id, attempt = str(dispatch.job_id), dispatch.attempt
    headers = [
        ("ce_specversion", b"1.0"),
        ("ce_type", _TYPE),
        ("ce_source", _SOURCE),
        ("ce_id", f"{job_id}-{attempt}".encode()),
        ("ce_subject", job_id.encode()),
        ("content-type", b"application/json"),
        *stamps,
    ]
    if traceparent:
        headers.append(("traceparent", traceparent.encode()))
    due_at = dispatch.due_at.astimezone(UTC).isoformat()[:-6]
    # By hand, as it is made for each attempt: the model takes several times as long, and says the same.
    value = (
        f'{{"jobId":"{job_id}","attempt":{attempt},"version":{dispatch.version},'
        f'"jobType":{_quoted(dispatch.job_type)},"dueAt":"{due_at}Z","schema":1}}'
    )
    return value.encode(), headers


@lru_cache(maxsize=1_000)
def _quoted(job_type: str) -> str:
    return json.dumps(job_type, ensure_ascii=False)


def decode(value: bytes | None) -> Dispatch:
    """Read a record's value.

    Raises:
        NotADispatch: the bytes are missing, too many, not JSON, or not this schema.
    """
    if value is None:
        raise NotADispatch("the record has no value")
    if len(value) > MAX_RECORD_BYTES:
        raise NotADispatch(f"{len(value)} bytes, at most {MAX_RECORD_BYTES} are a dispatch")
    try:
        return Dispatch.model_validate_json(value)
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        where = ".".join(str(part) for part in first["loc"]) or "value"
        raise NotADispatch(f"{where}: {first['msg']}") from None
