"""Which offsets may be committed: the contiguous decided prefix of each topic partition.

A record is *decided* when its fate is durable in the database (leased, refused, declined, parked).
Job length and offsets do not touch each other. A rebalance ends a generation: its trackers are
dropped, and what is decided for one of their records later has no effect on any offset.
"""

from collections import deque
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from shared.contracts.nodes import Position


class OffsetTracker:
    """One topic partition in one generation. Offsets are read in rising order, with gaps at
    most.
    """

    __slots__ = ("_decided", "_undecided", "committed", "end", "next_read")

    def __init__(self) -> None:
        self._undecided: deque[int] = deque()
        self._decided: set[int] = set()
        self.next_read: int | None = None
        self.committed: int | None = None
        self.end = 0

    def read(self, offset: int) -> None:
        """Note that the record at `offset` was handed out and waits for its decision."""
        if self.next_read is not None and offset < self.next_read:
            raise ValueError(f"offset {offset} after {self.next_read - 1}: not the same log")
        self._undecided.append(offset)
        self.next_read = offset + 1
        self.end = max(self.end, offset + 1)

    def decide(self, offset: int) -> None:
        """Note that the fate of the record at `offset` is durable. Repeating it is harmless."""
        if not self._undecided or offset < self._undecided[0]:
            return
        self._decided.add(offset)
        while self._undecided and self._undecided[0] in self._decided:
            self._decided.discard(self._undecided.popleft())

    def prefix(self) -> int | None:
        """The offset to commit: every record before it is decided. None before the first record."""
        return self._undecided[0] if self._undecided else self.next_read


@dataclass(frozen=True, slots=True)
class Place:
    """Where a record stood; `decided()` reaches the tracker that handed it out, dropped or not."""

    tracker: OffsetTracker
    topic_partition: int
    offset: int

    def decided(self) -> None:
        """The record's fate is durable."""
        self.tracker.decide(self.offset)


class OffsetBook:
    """The trackers of the topic partitions that are assigned now, of one topic."""

    def __init__(self) -> None:
        self.generation = 0
        self._trackers: dict[int, OffsetTracker] = {}

    def assigned(self, topic_partitions: Iterable[int]) -> None:
        """A new generation with fresh trackers."""
        self.generation += 1
        self._trackers = {number: OffsetTracker() for number in sorted(topic_partitions)}

    def revoked(self) -> None:
        """The generation is over; its trackers are dropped."""
        self.generation += 1
        self._trackers = {}

    def topic_partitions(self) -> list[int]:
        """The numbers of those that are assigned."""
        return list(self._trackers)

    def tracker(self, topic_partition: int) -> OffsetTracker | None:
        """The tracker of one that is assigned."""
        return self._trackers.get(topic_partition)

    def read(self, topic_partition: int, offset: int) -> Place:
        """Note a record. Offsets that go back mean that the topic was made anew: that log is
        forgotten.
        """
        tracker = self._trackers.setdefault(topic_partition, OffsetTracker())
        if tracker.next_read is not None and offset < tracker.next_read:
            tracker = self._trackers[topic_partition] = OffsetTracker()
        tracker.read(offset)
        return Place(tracker, topic_partition, offset)

    def to_commit(self) -> dict[int, int]:
        """Offsets by topic partition that are decided and not committed yet."""
        prefixes = {number: tracker.prefix() for number, tracker in self._trackers.items()}
        return {
            number: prefix
            for number, prefix in prefixes.items()
            if prefix is not None and prefix != self._trackers[number].committed
        }

    def committed(self, generation: int, offsets: Mapping[int, int]) -> None:
        """Note what the broker took, unless the generation that sent it is over."""
        if generation != self.generation:
            return
        for number, offset in offsets.items():
            if number in self._trackers:
                self._trackers[number].committed = offset

    def positions(self) -> list[Position]:
        """Committed and end offsets for the next renewal (R21). An unknown committed offset is 0:
        the group has passed nothing. It is never beyond the end (a topic that was made anew).
        """
        return [
            Position(
                topic_partition=number,
                committed=min(tracker.committed or 0, tracker.end),
                end=tracker.end,
            )
            for number, tracker in self._trackers.items()
        ]
