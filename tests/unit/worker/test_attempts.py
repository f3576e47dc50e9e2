"""The local table: legal moves, and the memory that lets no attempt start twice."""

import pytest

from shared.kernel.ids import new_id
from worker_service.domain.attempts import Attempt, AttemptTable, State


def an_attempt(number: int = 1) -> Attempt:
    return Attempt(new_id(), number, "DUMMY")


def test_the_way_through() -> None:
    table, attempt = AttemptTable(), an_attempt()
    table.add(attempt)
    for state in (State.HELD, State.RUNNING, State.REPORTING):
        table.move(attempt, state)
        assert table.count(state) == 1
    table.remove(attempt, remember=True)
    assert table.get(attempt.key) is None
    assert attempt.state is State.GONE
    assert table.remembers(attempt.key)
    assert not any(table.count(state) for state in State)


@pytest.mark.parametrize(
    ("path", "refused"),
    [
        ((), State.RUNNING),
        ((State.HELD, State.REPORTING), State.RUNNING),
        ((State.HELD, State.RUNNING, State.REPORTING), State.GIVING_BACK),
        ((State.HELD, State.GIVING_BACK), State.HELD),
    ],
)
def test_no_other_moves(path: tuple[State, ...], refused: State) -> None:
    table, attempt = AttemptTable(), an_attempt()
    table.add(attempt)
    for state in path:
        table.move(attempt, state)
    with pytest.raises(RuntimeError):
        table.move(attempt, refused)


def test_what_left_the_table_moves_no_more() -> None:
    table, attempt = AttemptTable(), an_attempt()
    table.add(attempt)
    table.move(attempt, State.HELD)
    table.remove(attempt, remember=True)
    with pytest.raises(RuntimeError):
        table.move(attempt, State.RUNNING)


def test_a_refused_attempt_may_come_again() -> None:
    table, attempt = AttemptTable(), an_attempt()
    table.add(attempt)
    table.remove(attempt, remember=False)
    assert not table.remembers(attempt.key)


def test_the_memory_is_bounded() -> None:
    table = AttemptTable(memory=2)
    keys = [an_attempt().key for _ in range(3)]
    for key in keys:
        table.remember(key)
    assert [table.remembers(key) for key in keys] == [False, True, True]
