"""Events on a real broker: where any client would put them, in order, all of them or an error."""

from collections.abc import AsyncIterator
from datetime import UTC, datetime
from uuid import UUID, uuid4

import pytest
from aiokafka.errors import KafkaError
from aiokafka.partitioner import DefaultPartitioner

from punctual.local.kafka import KafkaBroker
from scheduler_service.kafka.event_publisher import EventPublisher
from shared.contracts.events import FeedEvent, JobEvent
from shared.contracts.states import JobStatus
from shared.kafka.topics import ensure_topic
from shared.kernel.ids import new_id
from shared.runtime.settings import Kafka
from tests.support import topics
from tests.support.components import frozen_broker
from tests.support.events import first_seen, seen
from tests.support.waiting import until

TRACEPARENT = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
SEND_LIMIT_SECONDS = 1.0


@pytest.fixture
async def settings(kafka_settings: Kafka) -> Kafka:
    settings = kafka_settings.model_copy(update={"event_topic": f"events-{uuid4().hex}"})
    await ensure_topic(settings, settings.event_topic)
    return settings


@pytest.fixture
async def publisher(settings: Kafka) -> AsyncIterator[EventPublisher]:
    publisher = EventPublisher(settings, on_broken=lambda: None)
    yield publisher
    await publisher.close()


def event(job_id: UUID, version: int, *, reason: str = "changed") -> FeedEvent:
    told = JobEvent(
        job_id=job_id,
        version=version,
        from_=JobStatus.CREATED,
        to=JobStatus.CREATED,
        attempt=0,
        node=None,
        at=datetime(2026, 11, 21, 10, 0, 0, 123_000, tzinfo=UTC),
        reason=reason,
        actor="client",
        job_type="DUMMY",
    )
    return FeedEvent.of(told, traceparent=TRACEPARENT if version else None)


async def test_events_are_conforming_and_in_order(
    settings: Kafka, publisher: EventPublisher
) -> None:
    jobs = [new_id() for _ in range(50)]
    events = [event(job_id, version) for version in range(6) for job_id in jobs]
    await publisher.publish(events[:120])
    await publisher.publish(events[120:])
    records = await seen(settings)
    assert first_seen(records) == {job_id: list(range(6)) for job_id in jobs}
    assert {r.event for r in records} == {e.event for e in events}
    assert len(records) == len(events)
    (first, *_) = (r for r in records if r.event.version == 1)
    assert first.attributes["source"] == "/punctual/job"
    assert first.attributes["datacontenttype"] == "application/json"


async def test_the_topic_partition_is_the_one_of_any_client(
    settings: Kafka, publisher: EventPublisher
) -> None:
    await publisher.publish([event(new_id(), 0) for _ in range(200)])
    choose, every = DefaultPartitioner(), list(range(settings.topic_partitions))
    as_requests = settings.model_copy(update={"request_topic": settings.event_topic})
    found = await topics.records(as_requests)
    assert {place[0] for place in found} == set(every)
    assert all(place[0] == choose(record.key, every, every) for place, record in found.items())


async def test_traceparent_is_a_header_where_it_is_known(
    settings: Kafka, publisher: EventPublisher
) -> None:
    job_id = new_id()
    await publisher.publish([event(job_id, 0), event(job_id, 1)])
    as_requests = settings.model_copy(update={"request_topic": settings.event_topic})
    plain, traced = (dict(r.headers) for r in (await topics.records(as_requests)).values())
    assert "traceparent" not in plain
    assert traced["traceparent"] == TRACEPARENT.encode()


async def test_more_than_a_batch_of_one_job_keeps_its_order(
    settings: Kafka, publisher: EventPublisher
) -> None:
    job_id, long = new_id(), "r" * 2_000
    await publisher.publish([event(job_id, n, reason=long) for n in range(1_000)])
    assert first_seen(await seen(settings)) == {job_id: list(range(1_000))}


async def test_without_an_acknowledgement_it_is_an_error_and_the_next_try_is_complete(
    stoppable_broker: KafkaBroker,
) -> None:
    settings = Kafka(
        bootstrap=stoppable_broker.bootstrap,
        event_topic=f"events-{uuid4().hex}",
        request_timeout=SEND_LIMIT_SECONDS,
    )
    await ensure_topic(settings, settings.event_topic)
    publisher = EventPublisher(settings, on_broken=lambda: None)
    jobs = [new_id() for _ in range(20)]
    events = [event(job_id, version) for version in range(3) for job_id in jobs]
    await publisher.publish(events[:20])
    with frozen_broker(stoppable_broker), pytest.raises((KafkaError, TimeoutError)):
        await publisher.publish(events[20:])

    async def published() -> bool:
        try:
            await publisher.publish(events[20:])
        except (KafkaError, OSError, TimeoutError):
            return False
        return True

    await until(published, within=20, what="the events to be published")
    await publisher.close()
    assert first_seen(await seen(settings)) == {job_id: [0, 1, 2] for job_id in jobs}
