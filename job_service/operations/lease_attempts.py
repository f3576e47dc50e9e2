"""Lease: decide each attempt that a worker asks for. The answer is definite, or the node is dead."""

import time
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from typing import Any, Protocol
from uuid import UUID

from job_service.domain.recent_ways import RecentWays
from job_service.operations.busy_jobs import BusyJobs
from job_service.operations.doorbell import Doorbell
from job_service.operations.outcomes import Busy, Retryable
from shared.contracts.leases import (
    Decision,
    DeclineReason,
    Lease,
    LeaseItem,
    LeaseReply,
    LeaseRequest,
)
from shared.contracts.way import Stamps
from shared.kernel.ids import new_id

TRIES = 3
"""A lease that raced with another change of its job is looked at again this often."""

NO_SLOT_WAIT_SECONDS = 0.1
UNKNOWN_TYPE_WAIT_SECONDS = 0.5
SUSPECT_WAIT_SECONDS = 1.0
"""Back-off of what goes back to due; the wait is uniform between half of it and all of it."""

_WAITS = {
    DeclineReason.NO_SLOT: NO_SLOT_WAIT_SECONDS,
    DeclineReason.UNKNOWN_TYPE: UNKNOWN_TYPE_WAIT_SECONDS,
}


class LeaseStore(Protocol):
    """What leasing needs of the database."""

    async def lease(
        self, node: UUID, items: Sequence[tuple[UUID, int, UUID, Stamps]]
    ) -> tuple[Sequence[Any], int, datetime] | None: ...
    async def explain(self, ids: Sequence[UUID]) -> Mapping[UUID, Any]: ...
    async def take_back_paused_among(self, ids: Sequence[UUID]) -> int: ...
    async def decline(self, items: Sequence[tuple[UUID, int, float, bool]]) -> set[UUID]: ...


class NodeStore(Protocol):
    """Whether a node is live, and a stamp of the database clock."""

    async def look(self, node: UUID) -> tuple[bool, datetime]: ...


class LeaseAttempts:
    """Decides lease requests."""

    def __init__(
        self,
        store: LeaseStore,
        nodes: NodeStore,
        doorbell: Doorbell,
        ways: RecentWays,
        *,
        suspect_after: int,
        uniform: Callable[[], float],
    ) -> None:
        self._store = store
        self._nodes = nodes
        self._doorbell = doorbell
        self._ways = ways
        self._suspect_after = suspect_after
        self._uniform = uniform
        self._busy = BusyJobs(time.monotonic)
        self.decided: Counter[str] = Counter()
        """Items by what they were answered."""

    async def lease(self, request: LeaseRequest) -> LeaseReply:
        """Decide every item, but those whose job somebody keeps locked: they have no answer, and are asked for
        again.

        Raises:
            DatabaseError: nothing definite is known; the worker asks again with the same items (R1).
        """
        for _ in range(TRIES):
            without = self._busy.among([item.job_id for item in request.items])
            items = [item for item in request.items if item.job_id not in without]
            try:
                return await self._lease(request.node, items)
            except Busy as error:
                self._busy.met(error.jobs)
        raise Retryable("jobs kept being locked by others")

    async def _lease(self, node: UUID, items: Sequence[LeaseItem]) -> LeaseReply:
        answers: dict[tuple[UUID, int], Lease] = {}
        wanted = {(i.job_id, i.attempt): i.way or Stamps() for i in items if i.decline is None}
        declined = {(i.job_id, i.attempt): i.decline for i in items if i.decline}
        now: datetime | None = None
        if wanted:
            now = await self._decide(node, wanted, answers)
            if now is None:
                return await self._dead(node)
        await self._send_back({k: _WAITS[r] for k, r in declined.items() if r}, declined, answers)
        if now is None:
            _, now = await self._nodes.look(node)
        leases = [self._answer(item, answers) for item in items]
        self.decided.update(lease.decision.value for lease in leases)
        return LeaseReply(live=True, leases=leases, now=now)

    async def _dead(self, node: UUID) -> LeaseReply:
        _, now = await self._nodes.look(node)
        return LeaseReply(live=False, leases=[], now=now)

    @staticmethod
    def _answer(item: LeaseItem, answers: Mapping[tuple[UUID, int], Lease]) -> Lease:
        return answers[item.job_id, item.attempt]

    async def _decide(
        self,
        node: UUID,
        wanted: Mapping[tuple[UUID, int], Stamps],
        answers: dict[tuple[UUID, int], Lease],
    ) -> datetime | None:
        """Fill `answers` for all of `wanted`; a stamp of the database clock, or None for a dead node."""
        left = set(wanted)
        for _ in range(TRIES):
            given = await self._store.lease(node, [(*key, new_id(), wanted[key]) for key in left])
            if given is None:
                return None
            rows, epoch, stamp = given
            for row in rows:
                answers[row["id"], row["attempt"]] = granted(row, epoch)
                if row["published_at"] is not None:
                    self._ways.note((stamp - row["published_at"]).total_seconds())
            left -= answers.keys()
            if not left:
                return stamp
            stamp = await self._explain(node, left, answers) or stamp
            left -= answers.keys()
            if not left:
                return stamp
        raise Retryable(f"{len(left)} leases kept racing with other changes")

    async def _explain(
        self,
        node: UUID,
        left: set[tuple[UUID, int]],
        answers: dict[tuple[UUID, int], Lease],
    ) -> datetime | None:
        """Answer what was not granted, except what may be granted at a second look."""
        known = await self._store.explain([job_id for job_id, _ in left])
        suspects: dict[tuple[UUID, int], float] = {}
        paused: list[UUID] = []
        stamp = None
        for key in left:
            row = known.get(key[0])
            if row is None:
                answers[key] = refused(key, "no-such-job")
                continue
            stamp = row["now"]
            if row["attempt"] == key[1] and row["node"] == node:
                answers[key] = granted(row, row["epoch"])
            elif row["attempt"] != key[1] or row["status"] != "SCHEDULED" or row["node"]:
                answers[key] = refused(key, f"{row['status'].lower()}-at-{row['attempt']}")
            elif row["expired"]:
                answers[key] = refused(key, "expired")
            elif row["paused"]:
                answers[key] = refused(key, "type-paused")
                paused.append(key[0])
            elif row["in_line"]:
                answers[key] = refused(key, "ordering-key-taken")
            elif row["lost"] >= self._suspect_after:
                suspects[key] = SUSPECT_WAIT_SECONDS
        if paused:  # the record is decided by this refusal, so the job must not wait for it
            await self._store.take_back_paused_among(paused)
        await self._send_back(suspects, dict.fromkeys(suspects, "one-suspect-at-a-time"), answers)
        return stamp

    async def _send_back(
        self,
        waits: Mapping[tuple[UUID, int], float],
        reasons: Mapping[tuple[UUID, int], str | None],
        answers: dict[tuple[UUID, int], Lease],
    ) -> None:
        """Put attempts back to due with a back-off (R23); all are decided by that. What found no slot keeps its
        place; what nobody here can run would stand in the way of others there."""
        if not waits:
            return
        await self._store.decline(
            [
                (*key, wait * (0.5 + self._uniform() / 2), reasons[key] is DeclineReason.NO_SLOT)
                for key, wait in waits.items()
            ]
        )
        for key in waits:
            answers[key] = Lease(
                job_id=key[0],
                attempt=key[1],
                decision=Decision.DECLINED,
                reason=str(reasons[key]),
            )
        self._doorbell.ring()


def refused(key: tuple[UUID, int], reason: str) -> Lease:
    """A definite no."""
    return Lease(job_id=key[0], attempt=key[1], decision=Decision.REFUSED, reason=reason)


def granted(row: Any, epoch: int) -> Lease:
    """A grant, new or repeated (R1)."""
    return Lease(
        job_id=row["id"],
        attempt=row["attempt"],
        epoch=epoch,
        decision=Decision.GRANTED,
        running=row["status"] == "RUNNING",
        job_type=row["job_type"],
        payload=row["payload"],
        due_at=row["ready_at"],
        timeout_seconds=row["timeout_seconds"],
        execution_id=row["execution_id"],
        failures=row["failures"],
        max_attempts=row["max_attempts"],
        cancel_requested=row["cancel_requested"],
        name=row["name"],
        traceparent=row["traceparent"],
    )
