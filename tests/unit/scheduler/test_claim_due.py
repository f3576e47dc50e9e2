"""Claiming, against a small job_service in memory that can lose replies and declare nodes dead."""

import asyncio
from datetime import UTC, datetime

import pytest

from scheduler_service.domain.held_jobs import HeldJobs
from scheduler_service.domain.lead import Lead
from scheduler_service.operations.claim_due import (
    LONG_POLL_SECONDS,
    REPORT_POLL_SECONDS,
    ClaimDue,
    NotRegistered,
)
from scheduler_service.operations.measure_way import LEGS
from shared.contracts.claims import Claimed, ClaimReply, ClaimRequest, Published
from shared.kernel.clock import DatabaseClock
from shared.kernel.ids import new_id
from shared.runtime.http_client import NoAnswer
from shared.runtime.legs import Legs
from shared.runtime.session import Session
from tests.unit.scheduler.claimed_jobs import claimed


class InMemoryJobService:
    """Keeps R8's promise: what was claimed later than `acked` is sent again."""

    def __init__(self) -> None:
        self.due: list[Claimed] = []
        self.claimed: list[tuple[int, Claimed]] = []
        self.asked: list[ClaimRequest] = []
        self.lose_replies = 0
        self.live = True
        self.waiting = asyncio.Event()

    async def claim(self, request: ClaimRequest) -> ClaimReply:
        self.asked.append(request)
        if not self.live:
            return ClaimReply(live=False, jobs=[], now=datetime.now(UTC))
        again = [job for seq, job in self.claimed if seq > request.acked]
        new, self.due = self.due[: request.limit], self.due[request.limit :]
        self.claimed += [(request.seq, job) for job in new]
        if not (again or new) and request.wait_seconds:
            self.waiting.set()
            await asyncio.Event().wait()
        if self.lose_replies:
            self.lose_replies -= 1
            raise NoAnswer("the reply is lost")
        return ClaimReply(live=True, jobs=[*again, *new], now=datetime.now(UTC))


class Scheduler:
    """One claiming scheduler, registered."""

    def __init__(self) -> None:
        self.job_service = InMemoryJobService()
        self.held = HeldJobs(Lead(0.0, most=0.0))
        self.deaths = 0
        self.now = 0.0
        self.claim = ClaimDue(
            ask=self.job_service.claim,
            held=self.held,
            clock=DatabaseClock(),
            limit=3,
            on_claimed=lambda: None,
            on_dead=self._died,
            legs=Legs(LEGS),
            now=lambda: self.now,
        )
        self.register()

    def register(self) -> None:
        self.session = Session(str(new_id()), registered_at=0.0, ttl_seconds=5.0)
        self.claim.begin(self.session)

    def _died(self) -> None:
        self.deaths += 1


@pytest.mark.asyncio
async def test_jobs_of_a_lost_reply_come_with_the_next_and_are_held_once() -> None:
    """R8: as the name says."""
    it = Scheduler()
    jobs = [claimed() for _ in range(5)]
    it.job_service.due = list(jobs)
    it.job_service.lose_replies = 1
    with pytest.raises(NoAnswer):
        await it.claim.run_once()
    assert not it.claim.answering()
    assert await it.claim.claim(wait_seconds=0.0) == jobs
    assert [(r.seq, r.acked) for r in it.job_service.asked] == [(1, 0), (2, 0)]
    await it.claim.claim(wait_seconds=0.0)
    assert it.job_service.asked[-1].acked == 2
    assert len(it.held) == 5


@pytest.mark.asyncio
async def test_an_interrupted_long_poll_counts_as_unanswered() -> None:
    """R8: a scan gives the long-poll up and claims at once with a new seq."""
    it = Scheduler()
    await it.claim.run_once()
    polling = asyncio.create_task(it.claim.run_once())
    await asyncio.wait_for(it.job_service.waiting.wait(), 5)
    it.job_service.due = [claimed()]
    it.claim.interrupt()
    assert len(await it.claim.claim(wait_seconds=0.0)) == 1
    assert (await polling)["claimed"] == 0
    assert [(r.seq, r.acked) for r in it.job_service.asked] == [(1, 0), (2, 1), (3, 1)]


@pytest.mark.asyncio
async def test_cancelling_the_loop_ends_it() -> None:
    it = Scheduler()
    await it.claim.run_once()
    polling = asyncio.create_task(it.claim.run_once())
    await asyncio.wait_for(it.job_service.waiting.wait(), 5)
    polling.cancel()
    with pytest.raises(asyncio.CancelledError):
        await polling


@pytest.mark.asyncio
async def test_a_dead_node_claims_nothing_until_it_is_another() -> None:
    it = Scheduler()
    it.job_service.live = False
    assert await it.claim.claim(wait_seconds=0.0) == []
    assert (it.deaths, it.session.dead()) == (1, True)
    with pytest.raises(NotRegistered):
        await it.claim.claim(wait_seconds=0.0)
    it.claim.end()
    it.job_service.live = True
    it.register()
    await it.claim.claim(wait_seconds=0.0)
    assert (it.job_service.asked[-1].seq, it.job_service.asked[-1].acked) == (1, 0)


@pytest.mark.asyncio
async def test_a_reply_for_a_node_that_is_no_more_holds_nothing() -> None:
    it = Scheduler()
    it.job_service.due = [claimed()]
    claiming = asyncio.create_task(it.claim.claim(wait_seconds=0.0))
    await asyncio.sleep(0)
    it.claim.end()
    assert await claiming == []
    assert len(it.held) == 0


@pytest.mark.asyncio
async def test_the_long_poll_is_short_while_something_is_to_be_reported() -> None:
    """R21: the reconciler waits for where records landed."""
    it = Scheduler()
    it.job_service.due = [claimed()]
    await it.claim.run_once()
    it.claim.note_published(
        [Published(job_id=new_id(), attempt=1, topic_partition=3, record_offset=9)]
    )
    it.now = 2.0
    it.job_service.due = [claimed()]
    await it.claim.run_once()
    it.job_service.due = [claimed()]
    await it.claim.run_once()
    waits = [r.wait_seconds for r in it.job_service.asked]
    assert waits == [0.0, REPORT_POLL_SECONDS, LONG_POLL_SECONDS]
    assert [len(r.published) for r in it.job_service.asked] == [0, 1, 0]


@pytest.mark.asyncio
async def test_nothing_more_is_claimed_while_too_much_is_held(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("scheduler_service.operations.claim_due.MAX_HELD_JOBS", 2)
    it = Scheduler()
    it.job_service.due = [claimed() for _ in range(9)]
    assert len(await it.claim.claim(wait_seconds=0.0)) == 3
    assert await it.claim.claim(wait_seconds=0.0) == []
    assert len(it.job_service.asked) == 1
