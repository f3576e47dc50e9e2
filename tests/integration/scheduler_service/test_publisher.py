"""Publishing to a real broker: records are where the publisher says, and none is lost whatever the
broker does."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from datetime import datetime
from typing import Any
from uuid import uuid4

import pytest
from aiokafka.errors import KafkaError

from punctual.local.kafka import KafkaBroker
from scheduler_service.app import END_STEP_SECONDS
from scheduler_service.domain.spread import MIN_CHUNK
from scheduler_service.kafka.keep_topics import KeepTopics
from scheduler_service.kafka.publisher import Publisher
from shared.contracts.claims import Claimed
from shared.contracts.dispatch import decode
from shared.kafka.options import MAX_BATCH_BYTES
from shared.kafka.topics import ensure_topic
from shared.runtime.settings import Kafka
from tests.support import topics
from tests.support.components import frozen_broker
from tests.support.publishing import Bench, publishing
from tests.support.waiting import until
from tests.unit.scheduler.claimed_jobs import claimed

SEND_LIMIT_SECONDS = 1.0
"""After which a send is unknown, where the broker goes away."""
UNDER_WAY_SECONDS = 0.1
"""A flush this long gives every batch to the client."""
ON_ALL = 12 * MIN_CHUNK
"""So many jobs go onto all topic partitions."""
TRACEPARENT = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"


@pytest.fixture
async def bench(kafka_settings: Kafka, topic: str) -> AsyncIterator[Bench]:
    async with publishing(kafka_settings) as bench:
        yield bench


@pytest.fixture
async def own_settings(stoppable_broker: KafkaBroker) -> Kafka:
    """A topic of its own on the broker that may be stopped. A send is unknown soon."""
    name, where = f"requests-{uuid4().hex}", stoppable_broker.bootstrap
    settings = Kafka(bootstrap=where, request_topic=name, request_timeout=SEND_LIMIT_SECONDS)
    await ensure_topic(settings, name)
    return settings


async def test_records_are_where_it_says_with_key_value_and_headers(bench: Bench) -> None:
    jobs = [claimed(due_in=n, attempt=n + 1) for n in range(40)]
    jobs += [claimed(ordering_key=key) for key in ("a", "b", "a", "b", "a")]
    jobs = [jobs[0].model_copy(update={"traceparent": TRACEPARENT}), *jobs[1:]]
    await bench.publish(jobs)

    found = await topics.records(bench.settings)
    assert found.keys() == bench.places().keys()
    assert len(found) == len(jobs)
    for place, job_id in bench.places().items():
        (job,), record = [job for job in jobs if job.job_id == job_id], found[place]
        told = decode(record.value).model_dump(exclude={"schema_"})
        assert told == job.model_dump(exclude={"ordering_key", "traceparent"})
        assert record.key == (None if job.ordering_key is None else job.ordering_key.encode())
        headers = dict(record.headers)
        assert datetime.fromisoformat(headers.pop("ce_time").decode()).tzinfo is not None
        assert headers == {
            "ce_specversion": b"1.0",
            "ce_type": b"punctual.dispatch.v1",
            "ce_source": b"/punctual/scheduler",
            "ce_id": f"{job_id}-{job.attempt}".encode(),
            "ce_subject": str(job_id).encode(),
            "content-type": b"application/json",
            **({"traceparent": TRACEPARENT.encode()} if job.traceparent else {}),
        }
    for key in ("a", "b"):
        of_key = [job.job_id for job in jobs if job.ordering_key == key]
        places = sorted(place for place, job_id in bench.places().items() if job_id in of_key)
        assert len({topic_partition for topic_partition, _ in places}) == 1
        assert [bench.places()[place] for place in places] == of_key


async def test_batches_end_at_the_size_limit_and_keep_the_order(bench: Bench) -> None:
    jobs = [claimed(ordering_key="k" * 200) for _ in range(2_000)]
    await bench.publish(jobs)

    assert [job for batch, _ in bench.batches for job in batch] == jobs
    found = await topics.records(bench.settings)
    sizes = []
    for _, reports in bench.batches:
        records = [found[report.topic_partition, report.record_offset] for report in reports]
        sizes.append(sum(map(_bytes_of, records)))
    assert len(sizes) > 2
    # What the broker adds to each record is not in these sums; it is a few bytes.
    assert all(0.9 * MAX_BATCH_BYTES < size <= MAX_BATCH_BYTES for size in sizes[:-1]), sizes
    assert sorted(bench.places()) == [(place[0], n) for n, place in enumerate(sorted(found))]


async def test_forget_drops_what_was_not_sent(bench: Bench) -> None:
    """The node dies when the first of several batches is acknowledged; the next node publishes
    on."""
    bench.after_batch = bench.publisher.forget
    bench.publisher.offer([claimed(ordering_key="k" * 200) for _ in range(2_000)])
    await until(lambda: bench.batches, what="the first batch acknowledged")
    after = [claimed(ordering_key="k" * 200), claimed()]
    await bench.publish(after)

    first = {job.job_id for job in bench.batches[0][0]}
    assert len(first) < 2_000
    assert set((await bench.on_topic()).values()) == first | {job.job_id for job in after}


async def test_forget_before_there_is_a_producer_drops_all(
    kafka_settings: Kafka, topic: str
) -> None:
    bench = Bench(kafka_settings)
    bench.publisher.offer([claimed() for _ in range(10)])
    bench.publisher.forget()
    after = [claimed()]
    bench.publisher.offer(after)
    assert await bench.publisher.run_once() == {"built": 1}
    await bench.all_published(after)
    assert await bench.publisher.run_once() == {"built": 0}
    await bench.publisher.close()
    assert list((await bench.on_topic()).values()) == [after[0].job_id]


async def test_what_was_under_way_when_forgotten_is_not_sent_again(
    stoppable_broker: KafkaBroker, own_settings: Kafka
) -> None:
    async with publishing(own_settings) as bench:
        with frozen_broker(stoppable_broker):
            bench.publisher.offer([claimed() for _ in range(20)])
            await bench.publisher.flush(UNDER_WAY_SECONDS)
            bench.publisher.forget()
            await until(lambda: not bench.publisher.connected(), what="the send to be unknown")
        await bench.reconnect()
        after = [claimed() for _ in range(20)]
        await bench.publish(after)
        assert bench.acknowledged() == {job.job_id for job in after}


async def test_a_send_that_is_unknown_is_sent_again(
    stoppable_broker: KafkaBroker, own_settings: Kafka
) -> None:
    """The broker stands still, and takes what waited in its sockets when it goes on: a job may have
    two records, and none has no record. The order of a key stays."""
    async with publishing(own_settings) as bench:
        of_key = [claimed(ordering_key="k") for _ in range(20)]
        jobs = [*of_key, *(claimed() for _ in range(80))]
        with frozen_broker(stoppable_broker):
            bench.publisher.offer(jobs[:60])
            await until(lambda: not bench.publisher.connected(), what="the sends to be unknown")
            bench.publisher.offer(jobs[60:])
            assert bench.broken == 1
            assert bench.batches == []
        await bench.reconnect()
        await bench.all_published(jobs)
        await _assert_none_lost(bench, jobs)
        assert [job for jobs, _ in bench.batches for job in jobs if job.ordering_key] == of_key


async def test_jobs_wait_while_the_broker_is_away(
    stoppable_broker: KafkaBroker, own_settings: Kafka
) -> None:
    async with publishing(own_settings) as bench, publishing(own_settings) as other:
        jobs = [claimed() for _ in range(100)]
        await bench.publish(jobs[:20])
        await asyncio.to_thread(stoppable_broker.stop)
        try:
            bench.publisher.offer(jobs[20:70])
            other.publisher.offer([claimed()])
            await until(lambda: not bench.publisher.connected(), what="the producer dropped")
            bench.publisher.offer(jobs[70:])
            with pytest.raises((KafkaError, OSError, TimeoutError)):
                await bench.publisher.run_once()
            assert not bench.publisher.connected()
            await _assert_closes_in_time(other.publisher)
        finally:
            await asyncio.to_thread(stoppable_broker.start)
        await bench.reconnect()
        await bench.all_published(jobs)
        await _assert_none_lost(bench, jobs)


async def test_close_ends_in_time_and_leaves_nothing_while_the_broker_stands_still(
    stoppable_broker: KafkaBroker, own_settings: Kafka
) -> None:
    """It takes private members of aiokafka to end a producer: this fails if they are not there any
    more."""
    before = asyncio.all_tasks()
    patient = own_settings.model_copy(update={"request_timeout": 60.0})
    async with publishing(patient) as bench:
        await bench.publish([claimed()])
        with frozen_broker(stoppable_broker):
            for _ in range(2):  # what is on its way, and what waits behind it in the client
                bench.publisher.offer([claimed() for _ in range(20)])
                await bench.publisher.flush(UNDER_WAY_SECONDS)
            await _assert_closes_in_time(bench.publisher)
            await until(lambda: asyncio.all_tasks() <= before, what="no task of the client left")
            assert not bench.publisher.connected()


async def test_a_topic_that_is_deleted_is_made_anew_and_published_to(
    kafka_settings: Kafka, topic: str
) -> None:
    settings = kafka_settings.model_copy(update={"request_timeout": SEND_LIMIT_SECONDS})
    keep = KeepTopics(settings)
    async with publishing(settings) as bench:
        await keep.run_once()  # which makes the topic of events
        assert await keep.run_once() == {"made": 0}
        await bench.publish([claimed() for _ in range(ON_ALL)])
        bench.batches.clear()
        await topics.delete(settings)
        jobs = [claimed() for _ in range(ON_ALL)]
        bench.publisher.offer(jobs)

        def dropped() -> bool:
            # A deletion takes effect after it is answered: what the broker took meanwhile is gone with the log.
            taken = bench.acknowledged()
            bench.batches.clear()
            bench.publisher.offer([job for job in jobs if job.job_id in taken])
            return not bench.publisher.connected()

        await until(dropped, what="the producer dropped")
        assert await keep.run_once() == {"made": 1}
        assert keep.answered()
        await keep.close()
        await bench.reconnect()
        await bench.all_published(jobs)
        await _assert_none_lost(bench, jobs)


async def test_a_topic_that_somebody_made_anew_is_published_to(
    kafka_settings: Kafka, topic: str
) -> None:
    """The producer goes on as if nothing were; its next record is the first of a new log."""
    async with publishing(kafka_settings) as bench:
        await bench.publish([claimed() for _ in range(ON_ALL)])
        await topics.delete(kafka_settings)
        assert await until(lambda: ensure_topic(kafka_settings, topic), what="the topic made anew")
        bench.batches.clear()
        jobs = [claimed() for _ in range(ON_ALL)]
        await bench.publish(jobs)
        await _assert_none_lost(bench, jobs)


async def _assert_closes_in_time(publisher: Publisher) -> None:
    async with asyncio.timeout(END_STEP_SECONDS):
        await publisher.close()


async def _assert_none_lost(bench: Bench, jobs: Sequence[Claimed]) -> None:
    on_topic = await bench.on_topic()
    assert set(on_topic.values()) == {job.job_id for job in jobs}
    assert bench.places().items() <= on_topic.items()


def _bytes_of(record: Any) -> int:
    headers = sum(len(name) + len(value) for name, value in record.headers)
    return len(record.key or b"") + len(record.value) + headers
