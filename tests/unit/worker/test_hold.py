"""What is held: nothing of it is due before its time, and it takes no slot until then."""

from collections.abc import Container
from datetime import UTC, datetime, timedelta

import pytest

from shared.contracts.leases import DeclineReason
from shared.kernel.clock import DatabaseClock
from shared.kernel.ids import new_id
from worker_service.domain.attempts import Attempt, AttemptTable, State
from worker_service.domain.hold_wheel import HoldWheel
from worker_service.domain.room import Room
from worker_service.domain.slots import Slots

NOON = datetime(2026, 11, 21, 12, tzinfo=UTC)
TYPES: Container[str] = frozenset({"DUMMY"})


class World:
    """A worker of two slots and three hold slots. It is noon."""

    def __init__(self) -> None:
        self.now = 1_000.0
        self.clock = DatabaseClock(now=lambda: self.now)
        self.clock.heard(NOON)
        self.wheel = HoldWheel(self.clock)
        self.table = AttemptTable()
        self.slots = Slots(2)
        self.room = Room(
            self.slots, self.wheel, self.table, hold_slots=3, types=TYPES, clock=self.clock
        )

    def held(self, due_in: float) -> Attempt:
        """A leased attempt that is due so many seconds after noon."""
        attempt = asked(due_in)
        self.table.add(attempt)
        self.table.move(attempt, State.HELD)
        self.wheel.add(attempt)
        return attempt


def asked(due_in: float) -> Attempt:
    """One of which a record was read."""
    return Attempt(new_id(), 1, "DUMMY", due_at=NOON + timedelta(seconds=due_in))


@pytest.fixture
def world() -> World:
    return World()


def test_nothing_is_due_before_its_time_and_the_earliest_is_first(world: World) -> None:
    """R5: the wheel asks to be turned again when the next one is due."""
    late, soon = world.held(1.5), world.held(0.5)
    assert world.wheel.turn(world.now) == pytest.approx(0.5)
    assert world.wheel.next_due() is None
    world.now += 0.5
    assert world.wheel.turn(world.now) == pytest.approx(1.0)
    assert world.wheel.next_due() is soon
    assert world.wheel.next_due() is None
    world.now += 60.0
    assert world.wheel.turn(world.now) is None
    assert world.wheel.next_due() is late


def test_what_was_given_back_while_it_was_held_never_comes_due(world: World) -> None:
    """R5, R20: a cancel and a drain leave it in the wheel; it is skipped there, due or not."""
    gone, gone_when_due, stays = (world.held(due_in) for due_in in (0.1, 0.2, 0.3))
    world.table.move(gone, State.GIVING_BACK)
    world.now += 1.0
    world.wheel.turn(world.now)
    world.table.move(gone_when_due, State.REPORTING)
    assert world.wheel.next_due() is stays
    assert world.wheel.next_due() is None


def test_what_is_held_takes_no_slot_until_it_is_due(world: World) -> None:
    """R23: held is not running; what is due and waits for a slot is promised one."""
    for due_in in (0.5, 9.0, 9.0):
        world.held(due_in)
    assert (world.room.taken(), world.room.held()) == (0, 3)
    world.now += 1.0
    world.wheel.turn(world.now)
    assert (world.room.taken(), world.room.held()) == (1, 2)


def test_slots_are_for_what_is_due_and_the_allowance_for_what_is_not(world: World) -> None:
    """R23: neither is used for the other."""
    world.slots.occupy()
    for _ in range(2):
        world.held(9.0)
    offer = world.room.offer()
    assert offer.judge(asked(9.0)) is None
    assert offer.judge(asked(9.0)) is DeclineReason.NO_SLOT
    assert offer.judge(asked(-1.0)) is None
    assert offer.judge(asked(-1.0)) is DeclineReason.NO_SLOT
