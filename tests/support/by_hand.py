"""The request topic, by hand: put any record on it, and ask how far the worker group has come."""

from collections.abc import Sequence
from datetime import UTC, datetime
from uuid import UUID

from shared.contracts.dispatch import Dispatch, encode
from shared.runtime.settings import Kafka
from tests.support import topics
from tests.support.databases import run_coroutine
from tests.support.stacks import RunningStack
from tests.support.topics import Place


def record(job_id: UUID, attempt: int, *, job_type: str = "DUMMY") -> bytes:
    """A dispatch as a scheduler writes it, except that it says that the job was due long ago."""
    dispatch = Dispatch(
        job_id=job_id,
        attempt=attempt,
        version=attempt,
        job_type=job_type,
        due_at=datetime(2024, 1, 1, tzinfo=UTC),
    )
    return encode(dispatch, traceparent=None)[0]


def put(stack: RunningStack, values: Sequence[bytes | None]) -> list[Place]:
    """Put records on the topic, spread over its topic partitions in turn; where each one is."""
    return run_coroutine(topics.put(_settings(stack), values))


def lag(stack: RunningStack) -> int:
    """Records that the worker group has not committed; one that was never committed counts from 0."""
    settings = _settings(stack)
    committed = run_coroutine(topics.committed(settings))
    ends = run_coroutine(topics.ends(settings))
    return sum(end - committed.get(number, 0) for number, end in ends.items())


def records_on_topic(stack: RunningStack) -> int:
    """Records that were ever put on the request topic."""
    return sum(run_coroutine(topics.ends(_settings(stack))).values())


def _settings(stack: RunningStack) -> Kafka:
    return Kafka(bootstrap=stack.stack.plan.kafka_bootstrap)
