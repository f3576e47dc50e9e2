"""Reading from a real broker: the group's offsets pass decided records only, and whatever falls
silent is read on."""

import asyncio
import hashlib
from collections import Counter
from collections.abc import AsyncIterator

import pytest

from punctual.local.kafka import KafkaBroker
from shared.kafka.topics import ensure_topic
from shared.runtime.settings import JobServiceAddress, Kafka
from tests.support import topics
from tests.support.components import frozen_broker
from tests.support.job_service import Service, open_service
from tests.support.reading import Reader, end_fetching, reading, undecided
from tests.support.serving import serving
from tests.support.waiting import until
from tests.unit.shared.hand_clock import HandClock
from worker_service.clients.job_service import JobServiceClient
from worker_service.kafka.consumer import StuckConsumer

GARBAGE = b"no dispatch"
TOPIC_PARTITIONS = 12
A_LONG_TIME = 1_000.0


@pytest.fixture
def kafka_settings(kafka_settings: Kafka) -> Kafka:
    """Members learn soon of each other and of a topic that is gone."""
    return kafka_settings.model_copy(update={"heartbeat_interval": 0.2, "metadata_max_age": 0.5})


@pytest.fixture
async def service(database_url: str) -> AsyncIterator[Service]:
    async with open_service(database_url) as service:
        yield service


@pytest.fixture
async def calls(service: Service) -> AsyncIterator[JobServiceClient]:
    """A worker's client of a real job_service."""
    async with serving(service) as port:
        client = JobServiceClient(JobServiceAddress(url=f"http://127.0.0.1:{port}"))
        try:
            yield client
        finally:
            await client.close()


@pytest.fixture
async def reader(
    kafka_settings: Kafka, topic: str, calls: JobServiceClient
) -> AsyncIterator[Reader]:
    """The only member of its group."""
    async with reading(kafka_settings, calls) as reader:
        yield reader


async def test_only_the_decided_prefix_is_committed_and_the_rest_comes_again(
    kafka_settings: Kafka, topic: str, calls: JobServiceClient
) -> None:
    """On each topic partition three records are decided, one is not, two after it are."""
    rows = [GARBAGE, GARBAGE, GARBAGE, undecided(), GARBAGE, GARBAGE]
    await topics.put(kafka_settings, [value for value in rows for _ in range(TOPIC_PARTITIONS)])
    first_three = dict.fromkeys(range(TOPIC_PARTITIONS), 3)

    async with reading(kafka_settings, calls) as reader:
        await reader.read(6 * TOPIC_PARTITIONS)
        await reader.commit()
        assert await topics.committed(kafka_settings) == dict.fromkeys(range(TOPIC_PARTITIONS), 0)
        await reader.park()
        assert await reader.commit() == TOPIC_PARTITIONS
        assert await reader.commit() == 0
        assert await topics.committed(kafka_settings) == first_three

    async with reading(kafka_settings, calls) as reader:
        await reader.read(3 * TOPIC_PARTITIONS)
        trackers = [reader.book.tracker(number) for number in range(TOPIC_PARTITIONS)]
        assert {(t.prefix(), t.next_read) for t in trackers if t} == {(3, 6)}
    assert await topics.committed(kafka_settings) == first_three


async def test_garbage_is_parked_with_its_place_and_bytes(
    kafka_settings: Kafka, reader: Reader, service: Service, topic: str
) -> None:
    """Among it a dispatch, which is not parked."""
    garbage: list[bytes | None] = [GARBAGE, None, b"", b"\xff\x00", b"{}", b"x" * 900_000]
    *places, _ = await topics.put(kafka_settings, [*garbage, undecided()])
    await reader.read(len(garbage) + 1)
    await reader.park()
    rows = await service.raw.fetch(
        """SELECT topic, topic_partition, record_offset, sha256, size, reason, octet_length(raw) AS kept
           FROM parked_records"""
    )
    assert {row["topic"] for row in rows} == {topic}
    assert Counter(tuple(row)[1:5] for row in rows) == Counter(
        (*place, hashlib.sha256(value or b"").digest(), len(value or b""))
        for place, value in zip(places, garbage, strict=True)
    )
    assert all(row["reason"] for row in rows)
    assert max(row["kept"] for row in rows) == 65_536
    assert reader.engine.leases.backlog() == 1


async def test_members_share_the_topic_and_a_revoked_generation_commits_nothing(
    kafka_settings: Kafka, reader: Reader, calls: JobServiceClient, service: Service
) -> None:
    """The first member decides what it read before the second one came: it is read again."""
    count = 4 * TOPIC_PARTITIONS
    await topics.put(kafka_settings, [GARBAGE] * count)
    await reader.read(count)
    async with reading(kafka_settings, calls) as second:
        await second.poll()
        members = [reader.book, second.book]
        await until(
            lambda: all(len(m.topic_partitions()) == TOPIC_PARTITIONS / 2 for m in members),
            what="a half for each",
        )
        await reader.park()
        await reader.commit()
        assert set((await topics.committed(kafka_settings)).values()) <= {0}

        await until(lambda: _all_committed(kafka_settings, reader, second), what="all committed")
        read_by = [number for member in members for number in member.topic_partitions()]
        assert sorted(read_by) == list(range(TOPIC_PARTITIONS))
    assert await _parked(service) == count


async def test_back_pressure_pauses_and_resumes_without_losing_a_record(
    kafka_settings: Kafka, reader: Reader, service: Service
) -> None:
    places = await topics.put(kafka_settings, [GARBAGE] * 1_500)
    garbage = reader.engine.garbage

    async def full() -> bool:
        await reader.poll()
        return reader.engine.records.full()

    await until(full, what="too much garbage to read on")
    held = garbage.backlog()
    assert held < len(places)
    assert [await reader.poll() for _ in range(3)] == [0, 0, 0]
    assert garbage.backlog() == held

    async def all_parked() -> bool:
        await reader.park()
        await reader.poll()
        return await _parked(service) == len(places)

    await until(all_parked, what="all of it parked")
    rows = await service.raw.fetch("SELECT topic_partition, record_offset FROM parked_records")
    assert sorted(map(tuple, rows)) == sorted(places)
    assert await _all_committed(kafka_settings, reader)


async def test_a_topic_that_is_deleted_is_made_anew_and_read_on(
    kafka_settings: Kafka, topic: str, calls: JobServiceClient, service: Service
) -> None:
    """The new topic has fewer records than the old one had offsets."""
    async with reading(kafka_settings, calls) as reader:
        await topics.put(kafka_settings, [GARBAGE] * (3 * TOPIC_PARTITIONS))
        await reader.read(3 * TOPIC_PARTITIONS)
        assert (await reader.consumer.look_once())["lag"] == 0
        await until(lambda: _all_committed(kafka_settings, reader), what="all committed")
        await topics.delete(kafka_settings)
        assert await reader.consumer.look_once() == {"made": 1}

        await topics.put(kafka_settings, [b"of the new topic"] * TOPIC_PARTITIONS)
        await reader.read(TOPIC_PARTITIONS)
        await until(lambda: _all_committed(kafka_settings, reader), what="all committed")
        assert await _parked(service) == 4 * TOPIC_PARTITIONS


async def test_a_topic_that_somebody_made_anew_is_read_on(
    kafka_settings: Kafka, topic: str, reader: Reader, service: Service
) -> None:
    """The consumer may never see it gone; its offsets go back."""
    await topics.put(kafka_settings, [GARBAGE] * (3 * TOPIC_PARTITIONS))
    await reader.read(3 * TOPIC_PARTITIONS)
    await until(lambda: _all_committed(kafka_settings, reader), what="all committed")
    await topics.delete(kafka_settings)
    assert await until(lambda: ensure_topic(kafka_settings, topic), what="the topic made anew")
    await topics.put(kafka_settings, [b"of the new topic"] * TOPIC_PARTITIONS)
    await reader.read(TOPIC_PARTITIONS)
    await until(lambda: _all_committed(kafka_settings, reader), what="all committed")
    assert await _parked(service) == 4 * TOPIC_PARTITIONS


async def test_a_consumer_that_is_silent_in_spite_of_lag_is_replaced(
    kafka_settings: Kafka, topic: str, calls: JobServiceClient
) -> None:
    """The client's own fetching task ends without a word, as known bugs of it have it."""
    clock = HandClock()
    async with reading(kafka_settings, calls, now=clock) as reader:
        await topics.put(kafka_settings, [GARBAGE] * TOPIC_PARTITIONS)
        await reader.read(TOPIC_PARTITIONS)
        assert await reader.consumer.look_once() == {"lag": 0}
        clock.now += A_LONG_TIME
        assert await reader.poll() == 0

        await end_fetching()
        await topics.put(kafka_settings, [GARBAGE] * TOPIC_PARTITIONS)
        assert await reader.consumer.look_once() == {"lag": TOPIC_PARTITIONS}
        clock.now += kafka_settings.stuck_after
        assert await reader.poll() == 0
        clock.now += 1.0
        with pytest.raises(StuckConsumer):
            await reader.poll()
        assert not reader.consumer.started()
        await reader.read(2 * TOPIC_PARTITIONS)
        assert reader.consumer.started()


async def test_a_consumer_whose_broker_stands_still_is_replaced(
    stoppable_broker: KafkaBroker, kafka_settings: Kafka, calls: JobServiceClient
) -> None:
    """Nobody can say whether there is lag: that is doubt, too."""
    clock = HandClock()
    settings = kafka_settings.model_copy(update={"bootstrap": stoppable_broker.bootstrap})
    async with reading(settings, calls, now=clock) as reader:
        await reader.poll()
        with frozen_broker(stoppable_broker):
            looking = asyncio.create_task(reader.consumer.look_once())
            await reader.poll()
            clock.now += A_LONG_TIME
            polling = asyncio.create_task(reader.poll())
            await until(lambda: not reader.consumer.started(), what="the consumer given up")
            looking.cancel()
        with pytest.raises(StuckConsumer):
            await polling
        await topics.put(settings, [GARBAGE] * TOPIC_PARTITIONS)
        await reader.read(TOPIC_PARTITIONS)


async def _all_committed(settings: Kafka, *members: Reader) -> bool:
    """Crank a round; whether all records on the topic are decided and committed."""
    for member in members:
        await member.poll()
        await member.park()
        await member.commit()
    return await topics.committed(settings) == await topics.ends(settings)


async def _parked(service: Service) -> int:
    return int(await service.raw.fetchval("SELECT count(*) FROM parked_records"))
