"""How the jobs of a tick are cut into chunks and placed."""

from collections import Counter

from hypothesis import given
from hypothesis import strategies as st

from scheduler_service.domain.spread import MAX_CHUNK, Spread, chunk_sizes, place_of_key
from tests.unit.scheduler.claimed_jobs import claimed

TWELVE = list(range(12))


@given(st.integers(0, 5_000), st.integers(1, 100))
def test_chunks_hold_everything_within_the_bound_and_are_even(jobs: int, parts: int) -> None:
    sizes = chunk_sizes(jobs, parts)
    assert sum(sizes) == jobs
    assert all(1 <= size <= MAX_CHUNK for size in sizes)
    assert not sizes or max(sizes) - min(sizes) <= 1


def test_a_burst_gives_every_topic_partition_the_same() -> None:
    for jobs in (300, 500, 1_000, 3_000):
        counts: Counter[int] = Counter()
        for topic_partition, chunk in Spread().assign([claimed() for _ in range(jobs)], TWELVE):
            counts[topic_partition] += len(chunk)
        assert set(counts) == set(TWELVE)
        assert max(counts.values()) - min(counts.values()) <= 2


def test_small_ticks_take_turns() -> None:
    spread = Spread()
    placed = [spread.assign([claimed()], [0, 1, 2])[0][0] for _ in range(7)]
    assert placed == [0, 1, 2, 0, 1, 2, 0]


def test_every_job_is_placed_once_and_in_order() -> None:
    jobs = [claimed() for _ in range(100)]
    placed = [job for _, chunk in Spread().assign(jobs, TWELVE) for job in chunk]
    assert placed == jobs


def test_an_ordering_key_has_one_place_whatever_the_tick() -> None:
    spread = Spread()
    places = set()
    for size in (1, 5, 40):
        keyed = claimed(ordering_key="customer-7")
        for topic_partition, chunk in spread.assign(
            [*(claimed() for _ in range(size)), keyed], TWELVE
        ):
            if keyed in chunk:
                places.add(topic_partition)
    assert places == {place_of_key("customer-7", 12)}


def test_the_place_of_a_key_never_changes_between_releases() -> None:
    assert [place_of_key(key, 12) for key in ("a", "customer-7", "ü")] == [3, 8, 1]
