"""What schedulers and workers may do, in any order, on the real SQL and in the model at once."""

import asyncio
import time
from collections.abc import Coroutine
from datetime import UTC, datetime
from typing import Any, ClassVar, TypeVar
from uuid import UUID

from hypothesis import strategies as st
from hypothesis.stateful import Bundle, RuleBasedStateMachine, initialize, multiple, rule

from job_service.operations.release_attempts import REASONS
from shared.contracts.leases import DeclineReason, LeaseItem, LeaseRequest
from shared.contracts.nodes import AttemptRef, Renew
from shared.contracts.states import JobStatus as S
from shared.contracts.states import Outcome
from tests.support.job_model import ModelJob
from tests.support.job_model_check import empty
from tests.support.job_model_world import Model, ModelNode
from tests.support.job_service import DUMMY, Service, end_of, start_of

T = TypeVar("T")

DAY = 86_400.0
PAST, SOON, FAR = -3_600.0, 50.0, 1.5 * DAY
"""Due long ago; within the look-ahead but beyond any run of this test; far away. In seconds from now."""

WAITS = st.sampled_from([0.0, SOON, FAR])
WHENS = st.sampled_from([PAST, PAST, SOON, FAR])
TWO = st.integers(0, 1)
OUTCOMES = st.sampled_from([Outcome.FAILED, Outcome.FAILED, *Outcome])
AGO = st.sampled_from([0, 0, 0, 1, 2])
"""How many attempts ago: mostly the current one is meant."""


def moment(seconds: float) -> datetime:
    """Seconds since 1970 as the services write it."""
    return datetime.fromtimestamp(seconds, UTC)


class ProtocolMachine(RuleBasedStateMachine):
    """Drives one replica as schedulers and workers do. There are two places for each; a node that hears that it
    is dead is replaced by a new one."""

    runner: ClassVar[asyncio.Runner]
    service: ClassVar[Service]

    jobs = Bundle("jobs")

    def __init__(self) -> None:
        super().__init__()
        self.model = Model()
        self.workers: list[ModelNode] = []
        self.schedulers: list[ModelNode] = []

    def do(self, coroutine: Coroutine[Any, Any, T]) -> T:
        """Run it to its end. Whatever was done before has put the keys in order."""
        self.model.arrange()
        return self.runner.run(coroutine)

    # --- nodes

    @initialize(target=jobs, whens=st.lists(WHENS, min_size=1, max_size=2))
    def begin(self, whens: list[float]) -> Any:
        self.do(empty(self.service.raw))
        self.do(self.service.operations.pauses.resume(DUMMY))
        self.workers = [self._new_worker() for _ in range(2)]
        self.schedulers = [self._new_scheduler() for _ in range(2)]
        return multiple(*(self.creates(when, 2, None, 2) for when in whens))

    def _new_worker(self) -> ModelNode:
        return self._known(ModelNode(self.do(self.service.worker()), worker=True))

    def _new_scheduler(self) -> ModelNode:
        return self._known(ModelNode(self.do(self.service.scheduler()), worker=False))

    def _known(self, node: ModelNode) -> ModelNode:
        self.model.nodes[node.id] = node
        return node

    @rule(at=TWO, worker=st.booleans())
    def falls_silent(self, at: int, worker: bool) -> None:
        node = (self.workers if worker else self.schedulers)[at]
        self.do(self.service.expire_node(node.id))
        node.lapsed = True

    @rule(at=TWO, worker=st.booleans())
    def renews(self, at: int, worker: bool) -> None:
        """A process that hears that its node is dead registers anew."""
        nodes = self.workers if worker else self.schedulers
        node = nodes[at]
        reply = self.do(self.service.operations.sessions.renew(node.id, Renew(slots=100)))
        assert reply.live != node.dead
        node.lapsed &= node.dead
        if node.dead:
            nodes[at] = self._new_worker() if worker else self._new_scheduler()

    @rule(again=st.booleans())
    def pauses_or_resumes(self, again: bool) -> None:
        """The one type. Mostly it is resumed soon; a repeat changes nothing."""
        pauses = self.service.operations.pauses
        if self.model.paused != again:
            self.do(pauses.resume(DUMMY))
            self.model.paused = False
        else:
            self.do(pauses.pause(DUMMY))
            self.model.pause()

    # --- the protocol

    @rule(
        target=jobs,
        when=WHENS,
        max_attempts=st.integers(1, 3),
        expires=st.sampled_from([None, DAY]),
        steps=st.integers(0, 2),
        key=st.sampled_from([None, "a key", "a key", "another"]),
    )
    def creates(
        self,
        when: float,
        max_attempts: int,
        expires: float | None,
        steps: int,
        key: str | None = None,
    ) -> UUID:
        """And it is brought on its way at once."""
        now = time.time()
        job = self.do(
            self.service.create_one(
                scheduled_time=moment(now + when),
                max_attempts=max_attempts,
                ordering_key=key,
                expires_at=None if expires is None else moment(now + expires),
            )
        )
        self.model.jobs[job.id] = ModelJob(
            job.id,
            ready=max(now, now + when),
            dispatch=max(now, now + when),
            max_attempts=max_attempts,
            expires=None if expires is None else now + expires,
            key=key,
            due=now + when,
        )
        self.model.arrange()
        for _ in range(steps):
            self.goes_on(job.id, 0, 0, Outcome.SUCCESS, False)
        return job.id

    @rule(job=jobs, scheduler=TWO, worker=TWO, outcome=OUTCOMES, stale_first=st.booleans())
    def goes_on(
        self, job: UUID, scheduler: int, worker: int, outcome: Outcome, stale_first: bool
    ) -> None:
        """What comes next when all is well; the same of the attempt before comes first, perhaps."""
        known, now = self.model.jobs[job], time.time()
        stale_first &= known.attempt > 1
        if known.in_due:
            self._claim(self.schedulers[scheduler])
        elif known.status is S.SCHEDULED and known.holder is None:
            if stale_first:
                self._lease(self.workers[worker], job, known.attempt - 1)
            self._lease(self.workers[worker], job, known.attempt)
        elif known.status is S.SCHEDULED and known.ready_by(now):
            self.starts(job, 0, None)
        elif known.status is S.RUNNING:
            if stale_first:
                self.reports(job, None, 1, outcome, True, 0.0, False)
            self.reports(job, None, 0, outcome, True, 0.0, False)

    @rule(at=TWO, reply_lost=st.booleans())
    def claims(self, at: int, reply_lost: bool) -> None:
        self._claim(self.schedulers[at], reply_lost=reply_lost)

    @rule(at=TWO)
    def an_overtaken_claim_arrives(self, at: int) -> None:
        """A request that was sent before the last one takes nothing."""
        node = self.schedulers[at]
        if node.seq > 1:
            self._ask(node, node.seq - 1, node.acked)

    def _claim(self, node: ModelNode, *, reply_lost: bool = False) -> None:
        """A reply that did not arrive is not acknowledged with the next request (R8)."""
        self._ask(node, node.seq + 1, node.acked)
        if not reply_lost:
            node.acked = node.seq

    def _ask(self, node: ModelNode, seq: int, acked: int) -> None:
        now = time.time()
        reply = self.do(self.service.claim_reply(node.id, seq=seq, acked=acked))
        assert reply.live != node.dead
        said = [(job.job_id, job.attempt) for job in reply.jobs]
        assert len(set(said)) == len(said)
        expected = set() if node.dead else self.model.claim(node, seq, acked, now)
        assert set(said) == expected

    @rule(job=jobs, at=TWO, ago=AGO, reply_lost=st.booleans())
    def leases(self, job: UUID, at: int, ago: int, reply_lost: bool) -> None:
        """A reply that did not arrive is asked for again, with the same items (R1)."""
        attempt = self.model.jobs[job].attempt - ago
        if attempt > 0:
            for _ in range(1 + reply_lost):
                self._lease(self.workers[at], job, attempt)

    def _lease(self, node: ModelNode, job_id: UUID, attempt: int) -> None:
        job, now = self.model.jobs[job_id], time.time()
        reply = self.do(
            self.service.lease_reply(node.id, [AttemptRef(job_id=job_id, attempt=attempt)])
        )
        expected = self.model.lease(node, job, attempt, now)
        assert reply.live == (expected != "dead")
        if reply.live:
            (lease,) = reply.leases
            assert lease.decision == expected, (lease, job)
            granted = expected == "granted"
            assert lease.running == (granted and job.status is S.RUNNING)

    @rule(job=jobs, at=TWO, ago=AGO)
    def declines(self, job: UUID, at: int, ago: int) -> None:
        attempt = self.model.jobs[job].attempt - ago
        if attempt > 0:
            item = LeaseItem(job_id=job, attempt=attempt, decline=DeclineReason.UNKNOWN_TYPE)
            request = LeaseRequest(node=self.workers[at].id, items=[item])
            self.do(self.service.operations.leases.lease(request))
            self.model.jobs[job].decline(attempt)

    @rule(
        job=jobs,
        at=st.sampled_from([None, None, 0, 1]),
        ago=AGO,
        outcome=OUTCOMES,
        retry=st.sampled_from([True, True, False]),
        wait=WAITS,
        with_start=st.booleans(),
        reply_lost=st.booleans(),
    )
    def reports(
        self,
        job: UUID,
        at: int | None,
        ago: int,
        outcome: Outcome,
        retry: bool,
        wait: float,
        with_start: bool,
        reply_lost: bool = False,
    ) -> None:
        """By its holder, or (`at`) by whoever, and once more if the reply was lost (R3). Late ones come by
        themselves."""
        known, now = self.model.jobs[job], time.time()
        node = self._reporter(known, at)
        ref = AttemptRef(job_id=job, attempt=max(1, known.attempt - ago))
        starts = [start_of(ref)] if with_start and known.ready_by(now) else []
        end = end_of(ref, outcome, retry=retry, retry_after_seconds=wait, started_at=None)
        for _ in range(1 + reply_lost):
            reply = self.do(self.service.report(node, starts=starts, ends=[end]))
            if starts:
                known.start(node, ref.attempt)
            expected = known.end(node, ref.attempt, outcome, now, retry=retry, wait=wait)
            assert reply.ends[0].verdict == expected, (reply, known)

    def _reporter(self, job: ModelJob, at: int | None) -> UUID:
        if at is None and job.holder in self.model.nodes:
            return job.holder
        return self.workers[at or 0].id

    @rule(job=jobs, ago=AGO, at=st.sampled_from([None, None, 0, 1]))
    def starts(self, job: UUID, ago: int, at: int | None) -> None:
        known = self.model.jobs[job]
        if not known.ready_by(time.time()):
            return
        node = self._reporter(known, at)
        ref = AttemptRef(job_id=job, attempt=max(1, known.attempt - ago))
        self.do(self.service.start(node, ref))
        known.start(node, ref.attempt)

    @rule(
        job=jobs,
        ago=AGO,
        at=st.sampled_from([None, None, 0, 1]),
        reason=st.sampled_from(sorted(REASONS)),
        reply_lost=st.booleans(),
    )
    def releases(self, job: UUID, ago: int, at: int | None, reason: str, reply_lost: bool) -> None:
        known, now = self.model.jobs[job], time.time()
        node = self._reporter(known, at)
        ref = AttemptRef(job_id=job, attempt=max(1, known.attempt - ago))
        self._release(known, node, ref, reason, now)
        if reply_lost:
            self._release(known, node, ref, reason, now)

    def _release(self, job: ModelJob, node: UUID, ref: AttemptRef, reason: str, now: float) -> None:
        released = self.do(self.service.release(node, [ref], reason))
        held = job.held_by(node, ref.attempt)
        assert released == ([ref] if held else [])
        if held:
            job.give_back(now)
