"""A node's life: registered, beating, declared dead, another node."""

from datetime import UTC, datetime
from uuid import UUID

import pytest

from scheduler_service.operations.keep_session import KeepSession
from shared.contracts.nodes import Registered, RegisterNode
from shared.contracts.states import NodeRole
from shared.kernel.clock import DatabaseClock
from shared.kernel.ids import new_id
from shared.runtime.http_client import NoAnswer
from shared.runtime.session import Session


class NoThread:
    """A renewal that never renews."""

    def __init__(self) -> None:
        self.running = False

    def start(self) -> None:
        self.running = True

    def stop(self) -> None:
        self.running = False


class Process:
    """A scheduler process and the registrations it asked for."""

    def __init__(self) -> None:
        self.asked: list[RegisterNode] = []
        self.unanswered = 0
        self.dead_nodes: set[UUID] = set()
        self.begun: list[Session] = []
        self.ended = 0
        self.renewals: list[NoThread] = []
        self.now = 100.0
        self.keep = KeepSession(
            register=self.register,
            renewal=self.renewal,
            new_node_id=new_id,
            address=lambda: "http://127.0.0.1:8081",
            version="1",
            clock=DatabaseClock(),
            on_begin=self.begun.append,
            on_end=self.end,
            now=lambda: self.now,
        )

    async def register(self, node: RegisterNode) -> Registered:
        self.asked.append(node)
        if self.unanswered:
            self.unanswered -= 1
            raise NoAnswer("lost")
        return Registered(
            live=node.node not in self.dead_nodes, ttl_seconds=5.0, now=datetime.now(UTC)
        )

    def renewal(self, session: Session) -> NoThread:
        self.renewals.append(NoThread())
        return self.renewals[-1]

    def end(self) -> None:
        self.ended += 1


@pytest.mark.asyncio
async def test_an_unanswered_registration_is_repeated_with_the_same_id() -> None:
    it = Process()
    it.unanswered = 1
    with pytest.raises(NoAnswer):
        await it.keep.run_once()
    await it.keep.run_once()
    assert it.asked[0] == it.asked[1]
    assert it.asked[0].role is NodeRole.SCHEDULER
    assert [s.node for s in it.begun] == [str(it.asked[0].node)]


@pytest.mark.asyncio
async def test_each_round_beats_for_the_session() -> None:
    it = Process()
    await it.keep.run_once()
    it.now += 4.0
    assert it.begun[0].stalled()
    await it.keep.run_once()
    assert not it.begun[0].stalled()
    assert len(it.asked) == 1


@pytest.mark.asyncio
async def test_a_node_declared_dead_is_followed_by_another() -> None:
    it = Process()
    await it.keep.run_once()
    it.begun[0].declare_dead()
    await it.keep.run_once()
    assert it.ended == 1
    assert len({s.node for s in it.begun}) == 2
    assert [r.running for r in it.renewals] == [False, True]


@pytest.mark.asyncio
async def test_a_registration_that_comes_too_late_makes_a_new_id() -> None:
    it = Process()
    it.unanswered = 1
    with pytest.raises(NoAnswer):
        await it.keep.run_once()
    it.dead_nodes.add(it.asked[0].node)
    assert (await it.keep.run_once())["registered"] == 0
    assert (await it.keep.run_once())["registered"] == 1
    assert it.keep.session is not None
    assert it.keep.session.node != str(it.asked[0].node)
