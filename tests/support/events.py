"""What is on `job-events`, read from outside, as the CloudEvents SDK understands it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from cloudevents.core.bindings.kafka import KafkaMessage, from_binary
from cloudevents.core.formats.json import JSONFormat

from shared.contracts.events import JobEvent
from shared.runtime.settings import Kafka
from tests.support import topics

JobVersion = tuple[UUID, int]


@dataclass(frozen=True)
class Seen:
    """One record. `appended_ms` is when its producer made it, in ms since 1970."""

    event: JobEvent
    attributes: Mapping[str, Any]
    key: bytes
    appended_ms: int


async def seen(settings: Kafka) -> list[Seen]:
    """Every record of the event topic, in order within its topic partition."""
    as_requests = settings.model_copy(update={"request_topic": settings.event_topic})
    return [_seen(record) for record in (await topics.records(as_requests)).values()]


def first_seen(records: Sequence[Seen]) -> dict[UUID, list[int]]:
    """The versions of each job in the order in which a consumer that drops repeats sees them."""
    versions: dict[UUID, list[int]] = {}
    for record in records:
        of_job = versions.setdefault(record.event.job_id, [])
        if record.event.version not in of_job:
            of_job.append(record.event.version)
    return versions


def _seen(record: Any) -> Seen:
    headers = dict(record.headers)
    assert len(headers) == len(record.headers), "a header came twice"
    parsed = from_binary(KafkaMessage(headers, record.key, record.value), JSONFormat())
    event = JobEvent.model_validate_json(record.value)
    attributes = parsed.get_attributes()
    assert attributes["type"] == f"punctual.job.{event.to.value.lower()}.v1"
    assert attributes["subject"] == str(event.job_id) == record.key.decode()
    assert attributes["id"] == f"{event.job_id}/{event.version}"
    assert isinstance(attributes["time"], datetime)
    assert attributes["time"] == event.at
    return Seen(event, attributes, record.key, record.timestamp)
