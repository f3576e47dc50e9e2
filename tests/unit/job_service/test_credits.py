"""Credits: what a claim may take (DESIGN section 6)."""

from hypothesis import given
from hypothesis import strategies as st

from job_service.domain.credits import Credits, LiveWorker, Load, credits_of

TYPES = ("A", "B", "C")
sizes = st.integers(0, 50)
workers = st.lists(
    st.builds(
        LiveWorker,
        slots=sizes,
        hold_slots=sizes,
        types=st.sets(st.sampled_from(TYPES)).map(lambda names: tuple(sorted(names))),
    ),
    max_size=5,
)
loads = st.dictionaries(st.sampled_from(TYPES), st.builds(Load, due=sizes, ahead=sizes))


@given(workers, loads, st.integers(1, 100))
def test_never_more_than_there_is_room_for(
    live: list[LiveWorker], load: dict[str, Load], limit: int
) -> None:
    credit = credits_of(live, load, limit=limit)
    assert 0 <= credit.due <= limit
    assert 0 <= credit.ahead <= limit
    assert credit.due <= max(0, sum(w.slots for w in live) - sum(x.due for x in load.values()))
    for name, most in credit.due_by_type.items():
        taken = load.get(name, Load(0, 0)).due
        room = sum(w.slots for w in live if name in w.types) - taken
        assert 0 <= most <= max(0, min(credit.due, room))
    for name, most in credit.ahead_by_type.items():
        assert 0 <= most <= credit.ahead
        taken = load.get(name, Load(0, 0)).ahead
        assert most <= max(0, sum(w.hold_slots for w in live if name in w.types) - taken)


@given(workers, loads, st.integers(1, 100))
def test_a_type_has_credit_only_if_a_worker_runs_it(
    live: list[LiveWorker], load: dict[str, Load], limit: int
) -> None:
    """R23: what nobody runs is not even named."""
    credit = credits_of(live, load, limit=limit)
    run = {name for worker in live for name in worker.types}
    assert set(credit.due_by_type) == set(credit.ahead_by_type) == run


@given(workers, st.integers(1, 100))
def test_without_load_every_slot_is_a_credit(live: list[LiveWorker], limit: int) -> None:
    credit = credits_of(live, {}, limit=limit)
    assert credit.due == min(limit, sum(w.slots for w in live))
    assert credit.ahead == min(limit, sum(w.hold_slots for w in live))


def test_without_a_worker_there_is_none() -> None:
    assert credits_of([], {"A": Load(3, 4)}, limit=100) == Credits(0, 0, {}, {})


def test_what_is_held_takes_no_slot() -> None:
    live = [LiveWorker(slots=10, hold_slots=100, types=("A",))]
    credit = credits_of(live, {"A": Load(due=4, ahead=100)}, limit=50)
    assert credit == Credits(6, 0, {"A": 6}, {"A": 0})


def test_a_paused_type_has_no_credit_and_gives_its_slots_to_the_others() -> None:
    """What of it is held and running keeps its slots."""
    live = [LiveWorker(slots=10, hold_slots=20, types=("A", "B"))]
    credit = credits_of(live, {"A": Load(due=3, ahead=4)}, limit=100, paused={"A"})
    assert credit == Credits(due=7, ahead=16, due_by_type={"B": 7}, ahead_by_type={"B": 16})
    assert credits_of(live, {}, limit=100, paused={"A", "B"}).due_by_type == {}
