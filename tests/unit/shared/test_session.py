"""A session by its own clock: when it lapses, when its loop is stalled, and that death is for ever."""

import pytest

from shared.runtime.session import STALLED_AFTER_SHARE, Session
from tests.unit.shared.hand_clock import HandClock

TTL = 10.0
ASKED_AT = 100.0


def a_session(clock: HandClock) -> Session:
    """Registered by a request that left at `ASKED_AT`, answered now."""
    return Session("a-node", registered_at=ASKED_AT, ttl_seconds=TTL, now=clock)


def test_a_session_counts_from_before_its_registration_was_asked() -> None:
    """R5: the answer came 4 s later; the database may have counted since the request left."""
    clock = HandClock(now=ASKED_AT + 4)
    session = a_session(clock)
    clock.now = ASKED_AT + TTL - 0.25
    assert not session.expired()
    clock.now = ASKED_AT + TTL
    assert session.expired()


def test_a_renewal_counts_from_before_it_was_asked() -> None:
    """R5: and an answer that comes after its own end renews nothing."""
    clock = HandClock(now=ASKED_AT)
    session = a_session(clock)
    clock.now = ASKED_AT + 9
    session.renewed(asked_at=ASKED_AT + 5, ttl_seconds=TTL)
    clock.now = ASKED_AT + 5 + TTL - 0.25
    assert not session.expired()
    clock.now = ASKED_AT + 5 + TTL
    assert session.expired()
    session.renewed(asked_at=ASKED_AT + 5, ttl_seconds=TTL)
    assert session.expired()


def test_a_lapsed_session_that_is_renewed_goes_on() -> None:
    """Expiry is no revocation: only the reap is."""
    clock = HandClock(now=ASKED_AT + TTL)
    session = a_session(clock)
    assert session.expired()
    session.renewed(asked_at=ASKED_AT + TTL, ttl_seconds=TTL)
    assert not session.expired()


def test_a_renewal_brings_the_ttl() -> None:
    clock = HandClock(now=ASKED_AT)
    session = a_session(clock)
    session.renewed(asked_at=ASKED_AT, ttl_seconds=3 * TTL)
    clock.now = ASKED_AT + 3 * TTL - 0.25
    assert not session.expired()
    assert session.ttl_seconds == 3 * TTL


def test_a_loop_that_is_silent_for_half_of_the_ttl_is_stalled() -> None:
    clock = HandClock(now=ASKED_AT)
    session = a_session(clock)
    clock.now += TTL * STALLED_AFTER_SHARE
    assert not session.stalled()
    clock.now += 0.25
    assert session.stalled()
    session.beat()
    assert not session.stalled()
    clock.now += TTL * STALLED_AFTER_SHARE + 0.25
    assert session.stalled()


def test_a_renewal_is_no_beat() -> None:
    clock = HandClock(now=ASKED_AT)
    session = a_session(clock)
    clock.now += TTL
    session.renewed(asked_at=clock.now, ttl_seconds=TTL)
    assert session.stalled()


@pytest.mark.parametrize("revive", [True, False])
def test_a_dead_node_stays_dead(revive: bool) -> None:
    """Whatever comes afterwards, nothing starts under it."""
    clock = HandClock(now=ASKED_AT)
    session = a_session(clock)
    session.declare_dead()
    if revive:
        session.beat()
        session.renewed(asked_at=ASKED_AT, ttl_seconds=TTL)
    assert session.dead()
    assert session.expired()
