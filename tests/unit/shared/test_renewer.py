"""Renewals over real HTTP: what an answer, a lost one and a late one do to the session."""

import threading
from collections.abc import Iterator
from datetime import timedelta

import pytest

from shared.contracts.nodes import Position, Renew, Renewed
from shared.kernel.ids import new_id
from shared.runtime.session import STALLED_AFTER_SHARE, Renewer, Session
from tests.unit.shared.hand_clock import NOON, HandClock
from tests.unit.shared.http_server import Answer, HttpServer, http_server

TTL = 12.0
SHORT_TTL = 0.3
"""For the thread: it pauses by real time, a third of this."""
LIMIT_SECONDS = 10.0
COUNTS = Renew(
    slots=5, running=2, held=1, positions=[Position(topic_partition=3, committed=7, end=9)]
)


@pytest.fixture
def server() -> Iterator[HttpServer]:
    """What plays job_service."""
    with http_server() as running:
        yield running


class NodeOf:
    """A node whose session began at 100 s by its own clock, and its renewer."""

    def __init__(self, url: str, *, ttl: float = TTL, timeout_seconds: float = 5.0) -> None:
        self.clock = HandClock(now=100.0)
        self.session = Session(str(new_id()), registered_at=100.0, ttl_seconds=ttl, now=self.clock)
        self.heard_of_death = threading.Event()
        self.renewer = Renewer(
            self.session,
            base_url=url,
            clock=self.clock.database,
            counts=lambda: COUNTS,
            timeout_seconds=timeout_seconds,
            on_dead=self.heard_of_death.set,
            now=self.clock,
        )

    def lapses_at(self, moment: float) -> bool:
        """Whether the session ends then, and not before."""
        self.clock.now = moment - 0.25
        before = self.session.expired()
        self.clock.now = moment
        return not before and self.session.expired()


@pytest.fixture
def node(server: HttpServer) -> Iterator[NodeOf]:
    """A node that asks `server`; its thread is not started."""
    made = NodeOf(server.url)
    yield made
    made.renewer.stop()


def said(reply: Renewed) -> bytes:
    """A reply on the wire."""
    return reply.model_dump_json(by_alias=True).encode()


def renewed(*, live: bool = True, ttl: float = TTL) -> Answer:
    """An answer of job_service, stamped noon."""
    return 200, said(Renewed(live=live, ttl_seconds=ttl if live else 0.0, now=NOON))


def test_a_renewal_counts_from_before_it_was_sent(server: HttpServer, node: NodeOf) -> None:
    """R5: the request left at 105 s and was answered at 109 s."""

    def on_its_way() -> Answer:
        node.clock.now = 109.0
        return renewed()

    node.clock.now = 105.0
    server.then(on_its_way)
    assert node.renewer.renew_once()
    assert node.lapses_at(105.0 + TTL)


def test_the_stamp_of_a_renewal_counts_from_its_receipt(server: HttpServer, node: NodeOf) -> None:
    """R5: the same reply, the other end of its way."""

    def on_its_way() -> Answer:
        node.clock.now = 109.0
        return renewed()

    server.then(on_its_way)
    assert node.renewer.renew_once()
    assert node.clock.database.at_least() == NOON


def test_a_renewal_that_was_under_way_for_long_is_no_step_back(
    server: HttpServer, node: NodeOf
) -> None:
    """R5: the clock is told when the request left, so it knows a late reply from a clock set back."""

    def on_its_way() -> Answer:
        node.clock.now += 4.0
        return renewed()

    node.clock.database.heard(NOON)
    server.then(on_its_way)
    assert node.renewer.renew_once()
    assert node.clock.database.at_least() == NOON + timedelta(seconds=4)


def test_a_renewal_says_who_is_there_and_what_it_has(server: HttpServer, node: NodeOf) -> None:
    server.then(renewed())
    assert node.renewer.renew_once()
    (asked,) = server.asked
    assert asked.path == f"/internal/v1/nodes/{node.session.node}/renew"
    assert asked.content_type == "application/json"
    assert Renew.model_validate_json(asked.body) == COUNTS


def test_a_stalled_loop_gets_no_renewal(server: HttpServer, node: NodeOf) -> None:
    """It is not even asked for; once the loop goes round again it is."""
    node.clock.now += TTL * STALLED_AFTER_SHARE + 0.25
    assert not node.renewer.renew_once()
    assert server.asked == []
    node.session.beat()
    server.then(renewed())
    assert node.renewer.renew_once()
    assert node.lapses_at(100.0 + TTL * STALLED_AFTER_SHARE + 0.25 + TTL)


def test_a_node_that_is_told_dead_stays_dead(server: HttpServer, node: NodeOf) -> None:
    """Although its session has not lapsed, and whatever a later answer says."""
    server.then(renewed(live=False))
    assert node.renewer.renew_once()
    assert (node.session.dead(), node.session.ttl_seconds) == (True, TTL)
    server.then(renewed())
    assert node.renewer.renew_once()
    assert node.session.dead()
    assert node.session.expired()


NO_ANSWERS: dict[str, Answer] = {
    "503": (503, b"busy"),
    "404": (404, b"no such node"),
    "an error in the form of an answer": (500, said(Renewed(live=True, ttl_seconds=TTL, now=NOON))),
    "death in an error": (500, said(Renewed(live=False, ttl_seconds=0.0, now=NOON))),
    "connection closed": None,
    "no JSON": (200, b"<html>"),
    "not this message": (200, b'{"live": true}'),
    "no time zone": (200, b'{"live":true,"ttlSeconds":12,"now":"2026-11-21T12:00:00"}'),
}


@pytest.mark.parametrize("answer", NO_ANSWERS.values(), ids=NO_ANSWERS)
def test_what_is_no_answer_changes_nothing(
    server: HttpServer, node: NodeOf, answer: Answer
) -> None:
    """The session lapses as if nothing had been asked."""
    node.clock.now = 105.0
    server.then(answer)
    assert not node.renewer.renew_once()
    assert not node.session.dead()
    assert not node.clock.database.known()
    assert node.lapses_at(100.0 + TTL)


def test_nobody_listens() -> None:
    with http_server() as gone:
        node = NodeOf(gone.url)
    assert not node.renewer.renew_once()
    assert not node.session.dead()
    node.renewer.stop()


@pytest.mark.parametrize(
    ("ttl", "timeout_seconds"), [(0.15, 1_000.0), (3_000.0, 0.05)], ids=["ttl", "timeout"]
)
def test_an_answer_is_waited_for_a_third_of_the_ttl_at_most(
    server: HttpServer, ttl: float, timeout_seconds: float
) -> None:
    """Nor longer than the time limit of requests: a server that says nothing holds up nobody."""
    let_go = threading.Event()

    def silent() -> Answer:
        let_go.wait(LIMIT_SECONDS)
        return renewed()

    node = NodeOf(server.url, ttl=ttl, timeout_seconds=timeout_seconds)
    server.then(silent)
    assert not node.renewer.renew_once()
    let_go.set()
    node.renewer.stop()


def session_threads() -> set[threading.Thread]:
    """Those that renew."""
    return {thread for thread in threading.enumerate() if thread.name == "session"}


def test_the_thread_repeats_until_it_is_told_dead(server: HttpServer) -> None:
    """It goes on after answers that did not come, calls back and ends."""
    before = session_threads()
    node = NodeOf(server.url, ttl=SHORT_TTL)
    live, lost = renewed(ttl=SHORT_TTL), (503, b"")
    answers = [lost, live, None, lost, live, renewed(live=False)]
    server.then(*answers)
    node.renewer.start()
    assert node.heard_of_death.wait(LIMIT_SECONDS)
    node.renewer.stop()
    assert len(server.asked) >= len(answers)
    assert session_threads() <= before


def test_the_thread_ends_when_it_is_stopped(server: HttpServer) -> None:
    before = session_threads()
    node = NodeOf(server.url, ttl=SHORT_TTL)
    asked = threading.Event()

    def note() -> Answer:
        asked.set()
        return renewed(ttl=SHORT_TTL)

    server.then(note)
    node.renewer.start()
    assert asked.wait(LIMIT_SECONDS)
    node.renewer.stop()
    assert session_threads() <= before
    assert not node.heard_of_death.is_set()


def test_the_thread_ends_when_another_call_heard_of_the_death(server: HttpServer) -> None:
    """The comparison may hear of it first, while renewals are not answered."""
    before = session_threads()
    node = NodeOf(server.url, ttl=SHORT_TTL)

    def lost_and_declared_dead() -> Answer:
        node.session.declare_dead()
        return 503, b""

    server.then(lost_and_declared_dead)
    node.renewer.start()
    assert node.heard_of_death.wait(LIMIT_SECONDS)
    node.renewer.stop()
    assert session_threads() <= before
