"""The record on `job-execution-requests`: "there is an attempt to lease". It carries ids only.

PostgreSQL is the truth and Kafka the doorbell: a record that is lost, repeated, forged or late starts
nothing wrong, because the lease decides (contract.md section 3).
"""

from collections.abc import Iterable
from typing import Literal
from uuid import UUID

from pydantic import AwareDatetime, Field, ValidationError

from shared.contracts.base import AttemptNumber, JobTypeName, JobVersion, Message

EVENT_TYPE = "punctual.dispatch.v1"
EVENT_SOURCE = "/punctual/scheduler"
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
    dispatch: Dispatch, *, traceparent: str | None, stamps: Iterable[tuple[str, bytes]] = ()
) -> tuple[bytes, list[tuple[str, bytes]]]:
    """The record's value and its CloudEvents 1.0 binary-mode headers; `stamps` are further ones that say when
    (`shared.contracts.way`)."""
    headers = [
        ("ce_specversion", b"1.0"),
        ("ce_type", EVENT_TYPE.encode()),
        ("ce_source", EVENT_SOURCE.encode()),
        ("ce_id", f"{dispatch.job_id}-{dispatch.attempt}".encode()),
        ("ce_subject", str(dispatch.job_id).encode()),
        ("content-type", b"application/json"),
        *stamps,
    ]
    if traceparent:
        headers.append(("traceparent", traceparent.encode()))
    return dispatch.model_dump_json(by_alias=True).encode(), headers


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
