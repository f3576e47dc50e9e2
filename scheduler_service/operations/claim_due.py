"""Claim what is due from job_service by long-poll and put it into the wheel."""

import asyncio
from collections.abc import Awaitable, Callable, Iterable, Mapping
from uuid import UUID

from scheduler_service.domain.claim_ledger import ClaimLedger
from scheduler_service.domain.held_jobs import HeldJobs
from shared.contracts.claims import Claimed, ClaimReply, ClaimRequest, Published
from shared.kernel.clock import DatabaseClock, MonotonicClock, monotonic
from shared.runtime import failpoints
from shared.runtime.http_client import CallFailed
from shared.runtime.legs import Legs
from shared.runtime.log import get
from shared.runtime.session import Session

LONG_POLL_SECONDS = 10.0
REPORT_POLL_SECONDS = 1.0
"""While there is something to report the long-poll ends sooner: the reconciler needs it (R21)."""
MAX_HELD_JOBS = 20_000
"""With more than this many held nothing is claimed: others may have it."""

AskClaim = Callable[[ClaimRequest], Awaitable[ClaimReply]]


class NotRegistered(Exception):
    """This scheduler has no live node at the moment: it cannot claim."""


class ClaimDue:
    """One claim is on its way at any time. A claim belongs to the node that `begin` named last."""

    def __init__(
        self,
        *,
        ask: AskClaim,
        held: HeldJobs,
        clock: DatabaseClock,
        limit: int,
        on_claimed: Callable[[], None],
        on_dead: Callable[[], None],
        legs: Legs,
        now: MonotonicClock = monotonic,
    ) -> None:
        self._ask = ask
        self._held = held
        self._clock = clock
        self._limit = limit
        self._on_claimed = on_claimed
        self._on_dead = on_dead
        self._legs = legs
        self._now = now
        self._session: Session | None = None
        self._ledger: ClaimLedger | None = None
        self._lock = asyncio.Lock()
        self._long_poll: asyncio.Future[ClaimReply] | None = None
        self.claimed = 0
        """Jobs handed out to this process, those that came again included."""
        self._answering = False
        self._log = get(__name__)

    def begin(self, session: Session) -> None:
        """Claim for this node from now on."""
        self._session, self._ledger = session, ClaimLedger(UUID(session.node))
        self._answering = False

    def end(self) -> None:
        """The node is dead: its claims and reports are void."""
        self._session = self._ledger = None
        self._answering = False
        self.interrupt()

    def answering(self) -> bool:
        """Whether job_service answered the last claim."""
        return self._answering

    def note_published(self, reports: Iterable[Published]) -> None:
        """To be reported with a later claim."""
        if self._ledger is not None:
            self._ledger.note_published(reports, at=self._now())

    def interrupt(self) -> None:
        """Give the waiting long-poll up. It counts as unanswered: what it may have claimed comes
        again."""
        if self._long_poll is not None:
            self._long_poll.cancel()

    async def run_once(self) -> Mapping[str, int]:
        """One claim. Until job_service has answered one it does not wait, so that readiness is
        known soon.

        Raises:
            CallFailed: job_service did not answer; the loop backs off.
        """
        try:
            jobs = await self.claim(wait_seconds=self._patience())
        except NotRegistered:
            return {"claimed": 0}
        return {"claimed": len(jobs), "more": len(jobs)}

    def _patience(self) -> float:
        if not self._answering:
            return 0.0
        reports = self._ledger is not None and self._ledger.has_reports()
        return REPORT_POLL_SECONDS if reports else LONG_POLL_SECONDS

    async def claim(self, *, wait_seconds: float) -> list[Claimed]:
        """Claim and hold; the jobs that are new here.

        Raises:
            CallFailed: no answer. The next claim acknowledges no more than this one did.
            NotRegistered: there is no live node.
        """
        async with self._lock:
            session, ledger = self._session, self._ledger
            if session is None or ledger is None or session.dead():
                raise NotRegistered("this scheduler is not registered with job_service")
            if len(self._held) > MAX_HELD_JOBS:
                return []
            asked_at = self._now()
            request = ledger.next_request(limit=self._limit, wait_seconds=wait_seconds, at=asked_at)
            reply = await self._answer_to(request)
            if reply is None or self._session is not session:
                return []
            self._clock.heard(reply.now, asked_at=asked_at)
            if not reply.live:
                session.declare_dead()
                self._on_dead()
                return []
            ledger.answered(request)
            self._answering = True
            return self._hold(reply)

    async def _answer_to(self, request: ClaimRequest) -> ClaimReply | None:
        """The reply; None when the long-poll was given up."""
        asking = asyncio.ensure_future(self._ask(request))
        self._long_poll = asking if request.wait_seconds > 0 else None
        try:
            return await asking
        except CallFailed:
            self._answering = False
            raise
        except asyncio.CancelledError:
            task = asyncio.current_task()
            if task is not None and task.cancelling():
                raise
            return None
        finally:
            self._long_poll = None

    def _hold(self, reply: ClaimReply) -> list[Claimed]:
        self.claimed += len(reply.jobs)
        now = self._clock.at_least()
        self._held.lead.heard(reply.seconds_to_lease)
        new = self._held.hold(reply.jobs, now=now)
        for job in new:
            if job.due_at < now:
                self._legs.took("claim", (now - job.due_at).total_seconds())
        if len(new) < len(reply.jobs):
            self._log.info("claimed jobs came again", again=len(reply.jobs) - len(new))
        if new:
            failpoints.hit("claim.held")
            self._on_claimed()
        return new
