"""And what duties do, what nodes hear of themselves, and what time and a database that was away bring."""

import time
from uuid import UUID

from hypothesis import strategies as st
from hypothesis.stateful import rule

from shared.contracts.claims import Published
from shared.contracts.nodes import AskCancels, AttemptRef, Position, RegisterNode, Renew
from shared.contracts.states import NodeRole, Outcome
from tests.support.protocol_machine import AGO, DAY, TWO, ProtocolMachine

A_LONG_TIME = 2 * DAY
A_SHORT_TIME = 44.0
"""A claim is looked at by then, and not yet lost if nobody said where its record is. No multiple of it is near
a limit: 50, 60, 70 or 600 seconds."""
DUTIES = ("reap", "reconcile", "end_overdue", "expire")

OFFSETS = st.integers(0, 3)

WAYS_TO_BE_AWAY = {
    "frozen": "ticked_at = clock_timestamp() - interval '1 minute'",
    "set back": "ticked_at = clock_timestamp() + interval '1 minute'",
    "promoted": "timeline = 'another'",
}
"""What the reaper finds in its last tick (R14)."""

TOUCH_KEYS = """
UPDATE jobs SET ready_at = ready_at + interval '1 microsecond' WHERE ordering_key IS NOT NULL
"""
"""Time passes for single jobs here, and behind the back of the keys: they are put in order once more."""


class DutyMachine(ProtocolMachine):
    """Duties run when they like; no two steps overlap."""

    jobs = ProtocolMachine.jobs

    # --- what nodes hear of themselves

    @rule(at=TWO, gives_back=st.booleans())
    def compares(self, at: int, gives_back: bool) -> None:
        """R2: what the database says that a worker holds; all of it unknown to the worker, perhaps."""
        node, now = self.workers[at], time.time()
        reply = self.do(self.service.operations.sessions.compare(node.id))
        assert reply.live != node.dead
        said = {(ref.job_id, ref.attempt) for ref in reply.holds}
        held = [] if node.dead else list(self.model.held_by(node.id))
        assert said == {(job.id, job.attempt) for job in held}
        if gives_back and held:
            released = self.do(self.service.release(node.id, reply.holds, "unknown"))
            assert {ref.job_id for ref in released} == {job.id for job in held}
            for job in held:
                job.give_back(now)

    @rule(at=TWO, knows=st.booleans())
    def hears_of_cancels(self, at: int, knows: bool) -> None:
        """All of them, as often as it asks, but for those that it names as known."""
        node = self.workers[at].id
        asked = self.model.cancels_of(node)
        known = sorted(asked)[:1] if knows else []
        request = AskCancels(
            known=[AttemptRef(job_id=job, attempt=attempt) for job, attempt in known],
            wait_seconds=0.0,
        )
        reply = self.do(self.service.operations.cancels.ask(node, request))
        assert {(ref.job_id, ref.attempt) for ref in reply.cancels} == asked - set(known)

    @rule(at=TWO, worker=st.booleans())
    def leaves(self, at: int, worker: bool) -> None:
        """In good order; another process takes its place."""
        nodes = self.workers if worker else self.schedulers
        node = nodes[at]
        left = self.do(self.service.operations.sessions.leave(node.id))
        assert left.was_live != node.dead
        node.dead = True
        nodes[at] = self._new_worker() if worker else self._new_scheduler()

    @rule(at=TWO, worker=st.booleans())
    def registers_again(self, at: int, worker: bool) -> None:
        """Its reply was lost: the session counts anew (R5), but a dead node stays dead."""
        node = (self.workers if worker else self.schedulers)[at]
        role = NodeRole.WORKER if worker else NodeRole.SCHEDULER
        again = RegisterNode(node=node.id, role=role, address="test", version="1", slots=100)
        reply = self.do(self.service.operations.sessions.register(again))
        assert reply.live != node.dead
        node.lapsed &= node.dead

    # --- where records are (R21)

    @rule(job=jobs, at=TWO, ago=AGO, offset=OFFSETS)
    def tells_where_a_record_is(self, job: UUID, at: int, ago: int, offset: int) -> None:
        known, node = self.model.jobs[job], self.schedulers[at].id
        attempt = known.attempt - ago
        if attempt > 0:
            told = Published(job_id=job, attempt=attempt, topic_partition=0, record_offset=offset)
            self.do(self.service.stores.claims.note_published(node, [told]))
            if known.claimed_by == node and ago == 0:
                known.record = offset

    @rule(at=TWO, committed=OFFSETS, ahead=OFFSETS)
    def tells_how_far_the_group_is(self, at: int, committed: int, ahead: int) -> None:
        """A dead node's word does not count."""
        node, end = self.workers[at], committed + ahead
        position = Position(topic_partition=0, committed=committed, end=end)
        renew = Renew(slots=100, positions=[position])
        reply = self.do(self.service.operations.sessions.renew(node.id, renew))
        assert reply.live != node.dead
        if not node.dead:
            node.lapsed = False
            self.model.committed, self.model.end = committed, end

    # --- time and duties

    @rule(job=jobs, duties=st.lists(st.sampled_from(DUTIES), max_size=2), long=st.booleans())
    def time_passes(self, job: UUID, duties: list[str], long: bool) -> None:
        """For all jobs of a key together: who was first once must have been it then, too."""
        seconds = A_LONG_TIME if long else A_SHORT_TIME
        key = self.model.jobs[job].key
        for other in list(self.model.jobs.values()):
            if other.id == job or (key is not None and other.key == key):
                self.do(self.service.pass_time(other.id, seconds))
                other.shift(seconds)
        if key is not None:
            self.do(self.service.raw.execute(TOUCH_KEYS))
        for duty in duties:
            self.does(duty)

    @rule(duty=st.sampled_from(DUTIES))
    def does(self, duty: str) -> None:
        now = time.time()
        self.do(self.service.end_amnesty())
        self.do(self.service.duty(duty))
        getattr(self.model, duty)(now)

    @rule()
    def marks_the_dead_and_ends(self) -> None:
        """A replica ends between marking and moving; the next round, on any replica, moves (R4)."""
        self.do(self.service.end_amnesty())
        self.do(self.service.stores.reaping.mark_dead())
        self.model.mark()

    @rule(way=st.sampled_from(sorted(WAYS_TO_BE_AWAY)), deadlines=st.booleans())
    def was_away(self, way: str, deadlines: bool) -> None:
        """R14: then nobody is declared dead, and no attempt is past its deadline, until renewals had time."""
        now = time.time()
        self.do(self.service.end_amnesty())
        self.do(self.service.raw.execute(f"UPDATE reaper_tick SET {WAYS_TO_BE_AWAY[way]}"))
        assert self.do(self.service.duty("reap"))["suspended"]
        self.model.reap(now, suspended=True)
        if deadlines:
            self.do(self.service.duty("end_overdue"))

    @rule()
    def folds_counts(self) -> None:
        self.do(self.service.duty("fold_counts"))

    @rule(job=jobs, deaths=st.integers(1, 3), knows=st.booleans())
    def kills_its_workers(self, job: UUID, deaths: int, knows: bool) -> None:
        """Claimed and leased again and again by workers that die; one that does not know of it goes on."""
        known = self.model.jobs[job]
        for _ in range(deaths):
            self._claim(self.schedulers[0])
            if known.attempt:
                self._lease(self.workers[0], job, known.attempt)
            self.falls_silent(0, True)
            self.does("reap")
            if not knows and known.attempt:
                self._lease(self.workers[0], job, known.attempt)
                self.reports(job, 0, 1, Outcome.SUCCESS, True, 0.0, False)
            self.renews(0, True)
