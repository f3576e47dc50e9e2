"""A timer wheel: items wait in buckets of one millisecond, whole buckets come out when their time
is there.

Time is an integer of microseconds since 1970 UTC and comes in as a parameter. An item's bucket
ends at the first whole millisecond at or after its time: so it may come out up to 1 ms late and
never early. Only buckets with something in them exist: a sleeper asks for the next one.
"""

import heapq
from typing import Generic, TypeVar

Item = TypeVar("Item")

BUCKET_US = 1_000


class TimerWheel(Generic[Item]):
    """Items by the moment at which they are wanted."""

    def __init__(self) -> None:
        self._buckets: dict[int, list[Item]] = {}
        self._order: list[int] = []
        self._size = 0

    def __len__(self) -> int:
        """How many items wait."""
        return self._size

    def add(self, at_us: int, item: Item) -> None:
        """Hold `item` until `at_us`; a moment that has passed already is one."""
        number = -(-at_us // BUCKET_US)
        bucket = self._buckets.get(number)
        if bucket is None:
            self._buckets[number] = bucket = []
            heapq.heappush(self._order, number)
        bucket.append(item)
        self._size += 1

    def take(self, now_us: int) -> list[Item]:
        """Everything whose time has come, earliest bucket first, within one in the order added."""
        taken: list[Item] = []
        while self._order and self._order[0] * BUCKET_US <= now_us:
            taken += self._buckets.pop(heapq.heappop(self._order))
        self._size -= len(taken)
        return taken

    def next_at_us(self) -> int | None:
        """When the next bucket comes out; None when nothing waits."""
        return self._order[0] * BUCKET_US if self._order else None

    def clear(self) -> None:
        """Forget everything."""
        self._buckets.clear()
        self._order.clear()
        self._size = 0
