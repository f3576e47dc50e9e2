"""The last look before a handler is called: what lets no handler begin, and the stamp of the start."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import pytest

from shared.contracts.leases import Decision, Lease
from shared.kernel.clock import DatabaseClock
from shared.kernel.ids import new_id
from shared.runtime.session import Session
from tests.unit.worker.engine_bench import a_type, quick
from worker_service.domain.attempts import Attempt
from worker_service.domain.node import Node
from worker_service.domain.notes import Notes
from worker_service.operations.run_handler import Refusal, Run, Stop

NOON = datetime(2026, 11, 21, 12, tzinfo=UTC)
TTL = 10.0
TIMEOUT = 60.0
QUICK = a_type("QUICK", quick, timeout_seconds=TIMEOUT)


class World:
    """A leased attempt, due at noon. It is noon, and all that was asked was asked just now: nothing stands
    against its start."""

    def __init__(self) -> None:
        self.now = 1_000.0
        self.clock = DatabaseClock(now=self.machine)
        self.clock.heard(NOON)
        self.session = Session("a-node", registered_at=self.now, ttl_seconds=TTL, now=self.machine)
        leased = self._leased()
        notes = Notes(
            job_id=leased.job_id, attempt=1, node=new_id(), now=self.clock.at_least, tell=id
        )
        self.run = Run(leased, QUICK, notes)

    def machine(self) -> float:
        """This machine's clock."""
        return self.now

    def look(self) -> Refusal | None:
        """The last check."""
        return self.run.last_check(self.clock, self.machine)

    def _leased(self) -> Attempt:
        job = new_id()
        lease = Lease(
            job_id=job,
            attempt=1,
            decision=Decision.GRANTED,
            job_type="QUICK",
            due_at=NOON,
            timeout_seconds=TIMEOUT,
            execution_id=new_id(),
        )
        return Attempt(
            job,
            1,
            "QUICK",
            due_at=NOON,
            node=Node(new_id(), self.session),
            lease=lease,
            deadline=self.now + TIMEOUT,
        )


@pytest.fixture
def world() -> World:
    return World()


def test_nothing_stands_against_it(world: World) -> None:
    assert world.look() is None
    assert world.run.started_at == NOON


@pytest.mark.parametrize("why", Stop)
def test_what_was_asked_to_stop_does_not_begin(world: World, why: Stop) -> None:
    """A cancel may arrive between the start's decision and its lane."""
    world.run.stop = why
    assert world.look() is Refusal.STOPPED
    assert world.run.started_at is None


def test_nothing_begins_past_the_own_expiry() -> None:
    """R5: at the last moment it may, at the end of the session not."""
    in_time, over = World(), World()
    in_time.now += TTL - 0.25
    over.now += TTL
    assert in_time.look() is None
    assert over.look() is Refusal.EXPIRED
    assert over.run.started_at is None


def test_a_renewal_lets_it_begin_until_its_own_end(world: World) -> None:
    """R5: it was asked 4 s after the registration, so it is good for 4 s more, whenever it was
    answered."""
    world.now += TTL + 3
    assert world.look() is Refusal.EXPIRED
    world.session.renewed(asked_at=world.now - TTL + 1, ttl_seconds=TTL)
    assert world.look() is None
    world.now += 1
    assert world.look() is Refusal.EXPIRED


def test_nothing_begins_under_a_dead_node(world: World) -> None:
    """Its session has not lapsed by its own clock."""
    world.session.declare_dead()
    assert world.look() is Refusal.EXPIRED
    assert world.run.started_at is None


def test_nothing_begins_past_the_deadline_of_the_attempt() -> None:
    """R5: at the last moment it may, at the deadline not."""
    in_time, over = World(), World()
    for world, now in ((in_time, TIMEOUT - 0.25), (over, TIMEOUT)):
        world.now += now
        world.session.renewed(asked_at=world.now, ttl_seconds=TTL)
    assert in_time.look() is None
    assert over.look() is Refusal.DEADLINE
    assert over.run.started_at is None


def test_nothing_begins_before_the_bound_of_the_database_clock_reached_its_due_time(
    world: World,
) -> None:
    """R5: not even by a microsecond."""
    world.run.attempt.due_at = NOON + timedelta(microseconds=1)
    assert world.look() is Refusal.NOT_DUE
    assert world.run.started_at is None
    world.now += 0.001
    assert world.look() is None


def test_a_clock_that_was_set_back_meanwhile_holds_it(world: World) -> None:
    """R5: it was due when it was sent to its lane, and by what is known now it is not."""
    assert world.look() is None
    world.run.started_at = None
    world.clock.heard(NOON - timedelta(seconds=5), asked_at=world.now)
    assert world.look() is Refusal.NOT_DUE
    assert world.run.started_at is None


def test_a_clock_set_back_in_the_middle_of_the_look_gives_no_stamp_before_the_due_time(
    world: World,
) -> None:
    """R5: one look decides both whether it is due and when it began; another thread may hear a reply
    at any moment."""
    heard = False

    def machine() -> float:
        nonlocal heard
        if not heard:
            heard = True
            world.clock.heard(NOON - timedelta(seconds=5), asked_at=world.now)
        return world.now

    world.clock = DatabaseClock(now=world.machine)
    world.clock.heard(NOON)
    world.clock._now = machine
    world.look()
    assert world.run.started_at is None or world.run.started_at >= NOON


def test_the_start_is_stamped_by_the_bound_of_the_database_clock(world: World) -> None:
    """R5: by no other clock, and not with the due time."""
    world.now += 3
    assert world.look() is None
    assert world.run.started_at == NOON + timedelta(seconds=3)


def test_a_start_is_not_stamped_before_the_due_time() -> None:
    """As floats the two are the same moment; as times the bound is rounded to before it."""
    world = World()
    far = datetime(9000, 1, 1, microsecond=13, tzinfo=UTC)
    world.run.attempt.due_at = far
    world.clock = DatabaseClock(now=world.machine)
    world.clock.heard(far)
    assert world.clock.at_least() < far
    assert world.look() is None
    assert world.run.started_at == far


def stopped(world: World) -> None:
    world.run.stop = Stop.CANCEL


def lapsed(world: World) -> None:
    world.session.declare_dead()


def late(world: World) -> None:
    world.run.attempt.deadline = world.now


def early(world: World) -> None:
    world.run.attempt.due_at = NOON + timedelta(seconds=1)


@pytest.mark.parametrize(
    ("against", "refusal"),
    [
        ((stopped, lapsed, late, early), Refusal.STOPPED),
        ((lapsed, late, early), Refusal.EXPIRED),
        ((late, early), Refusal.DEADLINE),
    ],
)
def test_the_first_reason_is_told(
    world: World, against: tuple[Callable[[World], None], ...], refusal: Refusal
) -> None:
    """A cancel is answered as a cancel, and a node that may start nothing gives nothing back."""
    for stand in against:
        stand(world)
    assert world.look() is refusal
