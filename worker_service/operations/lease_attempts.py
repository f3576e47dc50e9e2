"""Ask for the attempts that the records name, in batches, one request at a time.

The records are decided by the answer: granted, refused or declined. A request without an answer is
repeated with the same items until there is one (R1). "Your node is dead" decides nothing (R28): its
items are asked for again as the new node.
"""

import logging
from collections import Counter, deque
from collections.abc import Mapping
from dataclasses import dataclass

from shared.contracts.leases import (
    MAX_LEASE,
    Decision,
    LeaseItem,
    LeaseReply,
    LeaseRequest,
)
from shared.kernel.clock import DatabaseClock, MonotonicClock
from shared.runtime import failpoints
from shared.runtime.log import get
from shared.runtime.periodic import Periodic
from worker_service.domain.attempts import Attempt, AttemptTable
from worker_service.domain.node import Membership, Node
from worker_service.domain.room import Room
from worker_service.operations.measure_way import MeasureWay
from worker_service.operations.ports import JobService
from worker_service.operations.take_grant import TakeGrant

EVERY_SECONDS, IDLE_SECONDS = 0.25, 1.0
"""After a round that failed or left attempts undecided, and while there are none: each new one wakes the
loop."""


@dataclass(frozen=True, slots=True)
class Asking:
    """The request that is on its way, kept until it has an answer. `records`: how many each attempt had when it
    was asked for."""

    node: Node
    attempts: list[Attempt]
    records: list[int]
    request: LeaseRequest


class LeaseAttempts:
    """The intake, and the one request that is on its way."""

    def __init__(
        self,
        calls: JobService,
        table: AttemptTable,
        room: Room,
        membership: Membership,
        grants: TakeGrant,
        way: MeasureWay,
        *,
        clock: DatabaseClock,
        now: MonotonicClock,
    ) -> None:
        self._calls = calls
        self._table = table
        self._room = room
        self._membership = membership
        self._grants = grants
        self._way = way
        self._clock = clock
        self._now = now
        self._intake: deque[Attempt] = deque()
        self._asking: Asking | None = None
        self._log = get(__name__)
        self.answers: Counter[str] = Counter()
        """Attempts by what they were answered."""
        self.loop = Periodic(
            "lease", self.run_once, every_seconds=EVERY_SECONDS, idle_seconds=IDLE_SECONDS
        )

    def want(self, attempt: Attempt) -> None:
        """A record names an attempt that this process has not met."""
        self._intake.append(attempt)
        self.loop.wake()

    def backlog(self) -> int:
        """Attempts without a decision."""
        return len(self._intake) + (len(self._asking.attempts) if self._asking else 0)

    def unanswered(self) -> bool:
        """Whether a request has no answer yet."""
        return self._asking is not None

    async def run_once(self) -> Mapping[str, int]:
        """Send the request that is on its way, or a new one; `more` if others wait."""
        if self._asking is not None and self._asking.node is not self._membership.node:
            self._take_back(self._asking)
        asking = self._asking = self._asking or self._gather()
        if asking is None:
            return {"undecided": len(self._intake)}
        asked_at = self._now()
        reply = await self._calls.lease(asking.request)
        self._clock.heard(reply.now, asked_at=asked_at)
        self._way.answered(len(reply.leases), seconds=self._now() - asked_at)
        if not reply.live:
            self._take_back(asking)
            self._membership.declared_dead(asking.node)
            return {"dead": 1}
        granted = self._decide(asking, reply, asked_at)
        if granted:
            failpoints.hit("lease.granted")
        # Nothing was decided where somebody keeps the jobs locked: do not ask again at once.
        left = len(self._intake)
        return {"granted": granted, "undecided": left, "more": left if reply.leases else 0}

    def _gather(self) -> Asking | None:
        node = self._membership.node
        if node is None or self._membership.draining or not self._membership.may_start():
            return None
        attempts = [self._intake.popleft() for _ in range(min(len(self._intake), MAX_LEASE))]
        if not attempts:
            return None
        offer = self._room.offer()
        items = [
            LeaseItem(job_id=a.job_id, attempt=a.attempt, decline=offer.judge(a), way=a.way)
            for a in attempts
        ]
        self._way.asking(attempts)
        records = [len(a.places) for a in attempts]
        return Asking(node, attempts, records, LeaseRequest(node=node.id, items=items))

    def _take_back(self, asking: Asking) -> None:
        """Nothing was decided: first in the line for the next request."""
        self._intake.extendleft(reversed(asking.attempts))
        self._asking = None

    def _decide(self, asking: Asking, reply: LeaseReply, asked_at: float) -> int:
        self._asking = None
        answers = {(lease.job_id, lease.attempt): lease for lease in reply.leases}
        tells = self._log.is_enabled_for(logging.DEBUG)
        granted = 0
        for attempt, records in zip(asking.attempts, asking.records, strict=True):
            lease = answers.get(attempt.key)
            if lease is None:
                self._intake.append(attempt)
                continue
            if tells:
                self._log_decided(attempt, lease.decision)
            self.answers[lease.decision.value] += 1
            if lease.decision is Decision.GRANTED:
                attempt.decided()
                self._grants.take(attempt, asking.node, lease, asked_at=asked_at)
                granted += 1
            else:
                self._not_granted(attempt, records)
        return granted

    def _not_granted(self, attempt: Attempt, records: int) -> None:
        """A record that came after it was asked for may tell that it was armed again since the answer was made:
        it is asked for once more, or its job would wait for the reconciler."""
        attempt.decided(records)
        if attempt.places:
            self._intake.append(attempt)
        else:
            self._table.remove(attempt, remember=False)

    def _log_decided(self, attempt: Attempt, decision: Decision) -> None:
        """Why the offsets of its records may be committed: read when somebody asks where a record went."""
        for place in attempt.places:
            self._log.debug(
                "record decided",
                topic_partition=place.topic_partition,
                offset=place.offset,
                job_id=str(attempt.job_id),
                attempt=attempt.attempt,
                decision=decision.value,
            )
