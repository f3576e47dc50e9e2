"""Onto which topic partitions the jobs of one tick go.

Few topic partitions with many records each cost the broker least; all of them with equally many
let the workers share a burst. So: chunks of at most `MAX_CHUNK` records, not smaller than about
`MIN_CHUNK` unless there are few jobs, on consecutive topic partitions; a burst that fills all of
them goes round whole times. The start rotates, so that small ticks take turns.
"""

import zlib
from collections.abc import Sequence

from shared.contracts.claims import Claimed

MAX_CHUNK = 32
MIN_CHUNK = 8


def chunk_sizes(jobs: int, topic_partitions: int) -> list[int]:
    """Sizes of the chunks, which differ by 1 at most and are at most `MAX_CHUNK`."""
    if jobs == 0:
        return []
    chunks = max(-(-jobs // MAX_CHUNK), min(topic_partitions, -(-jobs // MIN_CHUNK)))
    if chunks > topic_partitions:
        chunks = -(-chunks // topic_partitions) * topic_partitions
    size, larger = divmod(jobs, chunks)
    return [size + 1] * larger + [size] * (chunks - larger)


def place_of_key(ordering_key: str, topic_partitions: int) -> int:
    """The place of an ordering key, the same in every process and release."""
    return zlib.crc32(ordering_key.encode()) % topic_partitions


class Spread:
    """Remembers where the last tick ended."""

    def __init__(self) -> None:
        self._start = 0

    def assign(
        self, jobs: Sequence[Claimed], topic_partitions: Sequence[int]
    ) -> list[tuple[int, list[Claimed]]]:
        """Pairs of topic partition and the jobs for it, in order; a topic partition may come
        twice."""
        count = len(topic_partitions)
        assigned: list[tuple[int, list[Claimed]]] = []
        free: list[Claimed] = []
        for job in jobs:
            if job.ordering_key is None:
                free.append(job)
            else:
                place = place_of_key(job.ordering_key, count)
                assigned.append((topic_partitions[place], [job]))
        taken = 0
        for size in chunk_sizes(len(free), count):
            topic_partition = topic_partitions[self._start % count]
            assigned.append((topic_partition, free[taken : taken + size]))
            taken += size
            self._start = (self._start + 1) % count
        return assigned
