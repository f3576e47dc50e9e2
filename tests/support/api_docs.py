"""The documents of docs/api, written from the code: OpenAPI of each service, AsyncAPI of the topics.

python -m tests.support.api_docs --write
"""

import json
import sys
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, cast
from uuid import UUID

import yaml
from fastapi import FastAPI
from pydantic.json_schema import models_json_schema

from job_service import app as job_service
from job_service.operations.change_by_client import Bells
from job_service.operations.doorbell import Doorbell
from job_service.settings import JobServiceSettings
from job_service.stores import make_stores
from scheduler_service.api import routes as scheduler_service
from shared.api.documents import internal_document, public_document
from shared.contracts import dispatch, events
from shared.contracts.states import JobStatus
from shared.runtime.metrics import Metrics
from shared.runtime.settings import Kafka
from tests.support.source_files import ROOT
from worker_service.api import build as worker_service
from worker_service.domain.execution_log import ExecutionLog

FOLDER: Path = ROOT / "docs" / "api"
VERSION = "1"
"""Of the documents: /api/v1, and the `v1` of the events. The release is in `GET /version`."""

Document = dict[str, Any]


def documents() -> dict[str, str]:
    """The text of each file in the folder."""
    job, scheduler, worker = _job_service(), _scheduler_service(), _worker_service()
    found: dict[str, Document] = {
        "openapi-job_service.json": public_document(job),
        "openapi-job_service-internal.json": internal_document(job),
        "openapi-scheduler_service.json": public_document(scheduler),
        "openapi-worker_service.json": public_document(worker),
    }
    for document in found.values():
        document["info"]["version"] = VERSION
    texts = {
        name: json.dumps(document, indent=1, ensure_ascii=False, sort_keys=True) + "\n"
        for name, document in found.items()
    }
    return {**texts, "asyncapi.yaml": yaml.safe_dump(asyncapi(), sort_keys=False, width=110)}


def asyncapi() -> Document:
    """Both topics."""
    models = (dispatch.Dispatch, events.JobEvent)
    _, schemas = models_json_schema(
        [(model, "serialization") for model in models],
        ref_template="#/components/schemas/{model}",
    )
    kafka = Kafka()
    return {
        "asyncapi": "3.0.0",
        "info": {
            "title": "Punctual",
            "version": VERSION,
            "description": "What Punctual says on Kafka. Subscribe to job-events; the records of "
            "job-execution-requests are between the scheduler and the workers.",
            "license": {"name": "Apache-2.0"},
        },
        "defaultContentType": "application/json",
        "channels": {
            "jobEvents": _channel(
                kafka.event_topic,
                "Every row of every job's history, at least once, per job in order of its versions.",
                "jobEvent",
                kafka,
            ),
            "jobExecutionRequests": _channel(
                kafka.request_topic,
                "There is an attempt to lease. Ids only: a record that is lost, repeated, forged or late "
                "starts nothing wrong.",
                "dispatch",
                kafka,
            ),
        },
        "operations": {
            "tellOfJobs": _sends("jobEvents", "The scheduler that carries the event feed."),
            "dispatchJobs": _sends("jobExecutionRequests", "Every scheduler."),
        },
        "components": {
            "messages": {"jobEvent": _job_event(), "dispatch": _dispatch()},
            "schemas": schemas["$defs"],
        },
    }


def _channel(topic: str, text: str, message: str, kafka: Kafka) -> Document:
    return {
        "address": topic,
        "description": text,
        "messages": {message: {"$ref": f"#/components/messages/{message}"}},
        "bindings": {"kafka": {"topic": topic, "partitions": kafka.topic_partitions}},
    }


def _sends(channel: str, who: str) -> Document:
    return {
        "action": "send",
        "channel": {"$ref": f"#/channels/{channel}"},
        "summary": who,
    }


def _headers(**constants: str | list[str]) -> Document:
    """CloudEvents 1.0, binary mode."""
    properties: Document = {"ce_specversion": {"type": "string", "const": "1.0"}}
    for name, value in constants.items():
        properties[name] = (
            {"type": "string", "enum": value}
            if isinstance(value, list)
            else {"type": "string", "description": value}
        )
    properties["content-type"] = {"type": "string", "const": "application/json"}
    required = [name for name in properties if name != "traceparent"]
    return {"type": "object", "properties": properties, "required": required}


def _job_event() -> Document:
    fed = events.FeedEvent.of(
        events.JobEvent(
            job_id=UUID("01a1fec3-f11c-725e-8852-73ceac3e96b8"),
            version=1,
            from_=JobStatus.CREATED,
            to=JobStatus.SCHEDULED,
            attempt=1,
            node=UUID("01a1fec2-0d54-7a53-9d3c-2f2a3f2f7c11"),
            at=datetime(2026, 11, 21, 10, 0, 0, 123_000, tzinfo=UTC),
            reason="claimed",
            actor="scheduler",
            job_type="DUMMY",
        )
    )
    return {
        "title": "A job has changed",
        "headers": _headers(
            ce_type=sorted(events.EVENT_TYPES.values()),
            ce_source=[events.EVENT_SOURCE],
            ce_id="The job and the version, as in `<jobId>/<version>`: the same in every repeat.",
            ce_subject="The job.",
            ce_time="When it was recorded.",
            traceparent="W3C trace context of the job, where the client gave one.",
        ),
        "payload": {"$ref": "#/components/schemas/JobEvent"},
        "bindings": {"kafka": {"key": {"type": "string", "format": "uuid"}}},
        "examples": [_example(*events.encode(fed)[1:])],
    }


def _dispatch() -> Document:
    told = dispatch.Dispatch(
        job_id=UUID("01a1fec3-f11c-725e-8852-73ceac3e96b8"),
        attempt=1,
        version=1,
        job_type="DUMMY",
        due_at=datetime(2026, 11, 21, 10, 0, 0, tzinfo=UTC),
    )
    return {
        "title": "An attempt is due, or soon will be",
        "headers": _headers(
            ce_type=[dispatch.EVENT_TYPE],
            ce_source=[dispatch.EVENT_SOURCE],
            ce_id="The job and the attempt.",
            ce_subject="The job.",
            traceparent="W3C trace context of the job, where the client gave one.",
        ),
        "payload": {"$ref": "#/components/schemas/Dispatch"},
        "bindings": {"kafka": {"key": {"type": ["string", "null"]}}},
        "examples": [_example(*dispatch.encode(told, traceparent=None))],
    }


def _example(value: bytes, headers: list[tuple[str, bytes]]) -> Document:
    return {
        "headers": {name: text.decode() for name, text in headers},
        "payload": json.loads(value),
    }


def _job_service() -> FastAPI:
    """As it is served; it connects to nothing."""
    settings = JobServiceSettings()
    stores = make_stores(settings)
    bells = Bells(due=Doorbell(), cancels=Doorbell())
    return job_service.make_app(stores, job_service.make_operations(settings, stores, bells))


def _scheduler_service() -> FastAPI:
    return scheduler_service.build_app(
        version="0", missing=list, scan=_never, metrics=_metrics("scheduler")
    )


def _worker_service() -> FastAPI:
    return worker_service.build(
        log=ExecutionLog(), read=_never, away=list, version="0", metrics=_metrics("worker")
    )


async def _never(*_: Any) -> Any:
    raise AssertionError("a document is made without a call")


def _metrics(service: str) -> Metrics:
    return Metrics(service=service, version="0")


def write(texts: Mapping[str, str]) -> None:
    """Write the files, and remove others."""
    FOLDER.mkdir(exist_ok=True)
    for file in FOLDER.iterdir():
        if file.name not in texts:
            file.unlink()
    for name, text in texts.items():
        (FOLDER / name).write_text(text)


def parsed(text: str) -> Document:
    """A document, JSON or YAML."""
    return cast(Document, yaml.safe_load(text))


if __name__ == "__main__":
    if "--write" in sys.argv[1:]:
        write(documents())
    else:
        sys.stdout.write("\n".join(documents()))
