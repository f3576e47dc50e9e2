"""Offsets are committed as the contiguous decided prefix of each topic partition, by generation."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from worker_service.domain.offset_tracker import OffsetBook, OffsetTracker


def test_nothing_to_commit_before_the_first_record() -> None:
    assert OffsetTracker().prefix() is None


def test_a_decision_ahead_does_not_move_the_prefix() -> None:
    tracker = OffsetTracker()
    for offset in (5, 6, 9):
        tracker.read(offset)
    tracker.decide(6)
    assert tracker.prefix() == 5
    tracker.decide(5)
    assert tracker.prefix() == 9
    tracker.decide(9)
    assert tracker.prefix() == 10


def test_offsets_that_go_back_are_another_log() -> None:
    tracker = OffsetTracker()
    tracker.read(5)
    with pytest.raises(ValueError, match="not the same log"):
        tracker.read(5)


@given(st.integers(1, 60).flatmap(lambda n: st.permutations(range(n))), st.data())
def test_the_prefix_never_passes_an_undecided_record(order: list[int], data: st.DataObject) -> None:
    """I13: every record before a committed offset is decided."""
    tracker = OffsetTracker()
    for offset in sorted(order):
        tracker.read(offset)
    decided: set[int] = set()
    for offset in order[: data.draw(st.integers(0, len(order)))]:
        tracker.decide(offset)
        tracker.decide(offset)
        decided.add(offset)
    prefix = tracker.prefix()
    assert prefix is not None
    assert set(range(prefix)) <= decided
    assert prefix == len(order) or prefix not in decided


def test_a_rebalance_drops_what_was_read_before() -> None:
    book = OffsetBook()
    book.assigned([0, 1])
    old = book.read(0, 7)
    book.revoked()
    book.assigned([0])
    new = book.read(0, 7)
    old.decided()
    assert book.to_commit() == {0: 7}
    new.decided()
    assert book.to_commit() == {0: 8}
    assert book.topic_partitions() == [0]


def test_a_commit_of_an_older_generation_is_not_noted() -> None:
    book = OffsetBook()
    book.assigned([0])
    generation = book.generation
    book.read(0, 3).decided()
    book.revoked()
    book.assigned([0])
    book.read(0, 3).decided()
    book.committed(generation, {0: 4})
    assert book.to_commit() == {0: 4}
    book.committed(book.generation, {0: 4})
    assert book.to_commit() == {}


def test_a_topic_made_anew_starts_at_zero() -> None:
    book = OffsetBook()
    book.assigned([0])
    old = book.read(0, 900)
    fresh = book.read(0, 0)
    old.decided()
    assert book.to_commit() == {0: 0}
    fresh.decided()
    assert book.to_commit() == {0: 1}


def test_positions_name_every_assigned_topic_partition() -> None:
    """R21: committed and end offsets go out with each renewal; an unknown committed offset is 0, so that no
    record counts as passed that nobody decided.
    """
    book = OffsetBook()
    book.assigned([0, 1, 2])
    book.read(2, 7)
    book.read(1, 41).decided()
    book.committed(book.generation, {1: 42})
    assert [(p.topic_partition, p.committed, p.end) for p in book.positions()] == [
        (0, 0, 0),
        (1, 42, 42),
        (2, 0, 8),
    ]
