"""Claim: hand due work to a scheduler, at most what the workers can take."""

import asyncio
import time
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Protocol
from uuid import UUID

from job_service.domain.credits import AgedShare, Capacity, Credits, credits_of
from job_service.domain.recent_ways import RecentWays
from job_service.operations.doorbell import Doorbell, wait
from shared.contracts.claims import Claimed, ClaimReply, ClaimRequest, Published

LOOK_AGAIN_SECONDS = 1.0
"""Whoever waits looks again this often whatever rang (R26)."""

LOOK_FOR_CREDIT_SECONDS = 0.2
"""The same while no worker has a free slot: slots may come free on another replica."""


class ClaimStore(Protocol):
    """What the claim needs of the database."""

    async def capacity(self, node: UUID) -> Capacity: ...
    async def claim(
        self, node: UUID, seq: int, credit: Credits, *, first: bool
    ) -> list[Claimed]: ...
    async def unacknowledged(self, node: UUID, acked: int, seq: int) -> list[Claimed]: ...
    async def note_published(self, node: UUID, published: Sequence[Published]) -> None: ...


class ClaimDue:
    """Long-poll for due work. Claims of this replica go one after the other, so that each sees the
    credits that the one before it used."""

    def __init__(
        self,
        store: ClaimStore,
        doorbell: Doorbell,
        ways: RecentWays,
        *,
        aged_share: float,
        on_claimed: Callable[[], None] = lambda: None,
    ) -> None:
        self._store = store
        self._on_claimed = on_claimed
        self._doorbell = doorbell
        self._ways = ways
        self._turn = asyncio.Lock()
        self._rotation = 0
        self._aged = AgedShare(aged_share)
        self.claimed: Counter[str] = Counter()
        """Jobs handed out, by type; what is sent again counts again."""

    async def claim(self, request: ClaimRequest) -> ClaimReply:
        """Answer with work as soon as there is some, or empty after `wait_seconds`."""
        if request.published:
            await self._store.note_published(request.node, request.published)
        until = time.monotonic() + request.wait_seconds
        async with self._doorbell.waiter() as rung:
            first = True
            while True:
                reply, pause = await self._look(request, first=first)
                first = False
                left = until - time.monotonic()
                self.claimed.update(job.job_type for job in reply.jobs)
                if reply.jobs:
                    self._on_claimed()
                if reply.jobs or not reply.live or left <= 0 or self._doorbell.closed:
                    return reply
                await wait(rung, min(left, pause))

    async def _look(self, request: ClaimRequest, *, first: bool) -> tuple[ClaimReply, float]:
        """One look. The first of a request overtakes those before it; only then is it certain what they
        claimed, and all of it that was never heard of comes along (R8)."""
        async with self._turn:
            capacity = await self._store.capacity(request.node)
            if not capacity.live:
                return ClaimReply(live=False, jobs=[], now=capacity.now), 0.0
            credit = self._credits(capacity, request.limit)
            jobs: list[Claimed] = []
            if credit.due or credit.ahead or first:
                jobs = await self._store.claim(request.node, request.seq, credit, first=first)
        if first and request.acked < request.seq - 1:
            jobs += await self._store.unacknowledged(request.node, request.acked, request.seq)
        pause = LOOK_AGAIN_SECONDS if credit.due else LOOK_FOR_CREDIT_SECONDS
        reply = ClaimReply(
            live=True, jobs=jobs, now=capacity.now, seconds_to_lease=self._ways.longest()
        )
        return reply, pause

    def _credits(self, capacity: Capacity, limit: int) -> Credits:
        credit = credits_of(
            capacity.workers,
            capacity.load,
            limit=limit,
            paused=capacity.paused,
            limits=capacity.limits,
        )
        self._rotation += 1
        return replace(
            credit,
            due_by_type=_rotated(credit.due_by_type, self._rotation),
            ahead_by_type=_rotated(credit.ahead_by_type, self._rotation),
            aged=self._aged.of(credit.due),
        )


def _rotated(limits: Mapping[str, int], places: int) -> dict[str, int]:
    """Types in another order each time, so that within a band none is always first."""
    names = sorted(limits)
    if not names:
        return {}
    cut = places % len(names)
    return {name: limits[name] for name in names[cut:] + names[:cut]}
