"""A small model of the life of jobs, in memory: what the SQL of job_service must come to.

Times are seconds since 1970 of this machine's clock, which is the database's too. A time that the database
draws (a back-off with jitter) is None here until `adopt` takes it from the row.
"""

from dataclasses import dataclass, field
from uuid import UUID

from job_service.domain.lifecycle import TERMINAL, settled
from job_service.domain.outside import OUTSIDE
from shared.contracts.states import JobStatus as S
from shared.contracts.states import Outcome

TIMEOUT_SECONDS = 60.0
DEADLINE_GRACE_SECONDS = 10.0
SUSPECT_AFTER = 2
POISON_LOSSES = 3


@dataclass
class ModelJob:
    """One job. `holder` is a worker or OUTSIDE; `claimed_by` a scheduler; with neither it is in due, unless
    it is settled, or `behind`: it waits for its ordering key. `retry`: FAILED, with another try to come.
    `record`: the offset of its record, where its scheduler has told it."""

    id: UUID
    ready: float | None
    dispatch: float | None
    max_attempts: int
    expires: float | None
    status: S = S.CREATED
    version: int = 0
    attempt: int = 0
    failures: int = 0
    lost: int = 0
    suspect_losses: int = 0
    retry: bool = False
    cancel: bool = False
    begun: bool = False
    holder: UUID | None = None
    suspect: bool = False
    claimed_by: UUID | None = None
    claim_seq: int = 0
    claim_counts_from: float = 0.0
    record: int | None = None
    look: float = 0.0
    key: str | None = None
    due: float = 0.0
    behind: bool = False
    token: str = ""
    old_token: str = "none"
    ended: dict[int, tuple[UUID, Outcome]] = field(default_factory=dict)

    @property
    def settled(self) -> bool:
        """Nothing will move it by itself."""
        return settled(self.status, will_retry=self.retry)

    @property
    def in_due(self) -> bool:
        """A claim may take it."""
        return not self.settled and self._nobodys and not self.behind

    @property
    def _nobodys(self) -> bool:
        return self.holder is None and self.claimed_by is None

    @property
    def keeps_key(self) -> bool:
        """Once it is the head: from its claim until it settles, but not while it is CREATED again."""
        return not self.settled and self.status is not S.CREATED

    @property
    def by_hand(self) -> bool:
        """An executor outside runs it."""
        return self.holder == OUTSIDE

    def ready_by(self, now: float) -> bool:
        """Whether an attempt may start."""
        assert self.ready is not None
        return self.ready <= now

    def expired_by(self, now: float) -> bool:
        """Whether it may not start any more."""
        return self.expires is not None and self.expires <= now and not self.begun

    def held_by(self, node: UUID, attempt: int) -> bool:
        """The fence: this node, this attempt."""
        return self.holder == node and self.attempt == attempt

    def move(self, status: S) -> None:
        """A transition that leaves whoever had it."""
        self.touch(status)
        self.holder = self.claimed_by = None
        self.suspect = self.retry = False

    def touch(self, status: S) -> None:
        """A transition that leaves the holder as it is."""
        assert self.status not in TERMINAL
        self.status = status
        self.version += 1

    def wait_until(self, moment: float | None) -> None:
        """It is ready, and looked at, at that moment."""
        self.ready = self.dispatch = moment

    def shift(self, seconds: float) -> None:
        """Time passes."""
        assert self.ready is not None
        assert self.dispatch is not None
        self.ready -= seconds
        self.dispatch -= seconds
        self.look -= seconds
        self.due -= seconds
        self.claim_counts_from -= seconds
        self.expires = None if self.expires is None else self.expires - seconds

    # --- what a worker does

    def lease(
        self, node: UUID, attempt: int, now: float, *, holds_suspect: bool, paused: bool
    ) -> str:
        """Granted, refused or declined."""
        if self.held_by(node, attempt):
            return "granted"
        if self.attempt != attempt or self.status is not S.SCHEDULED or self.holder is not None:
            return "refused"
        if self.expired_by(now):
            return "refused"
        if paused:
            self.move(S.CREATED)
            return "refused"
        if self.behind:
            return "refused"
        if self.lost >= SUSPECT_AFTER and holds_suspect:
            self.decline(attempt)
            return "declined"
        runs = self.ready_by(now)
        self.touch(S.RUNNING if runs else S.SCHEDULED)
        self.begun |= runs
        self._held(node, now)
        self.suspect = self.lost >= SUSPECT_AFTER
        return "granted"

    def _held(self, node: UUID, now: float) -> None:
        assert self.ready is not None
        self.holder, self.claimed_by = node, None
        self.look = max(self.ready, now) + TIMEOUT_SECONDS + DEADLINE_GRACE_SECONDS

    def decline(self, attempt: int) -> None:
        """Back to due for a moment."""
        free = self.holder is None and not self.behind
        if self.status is S.SCHEDULED and self.attempt == attempt and free:
            self.claimed_by = None
            self.dispatch = None

    def start(self, node: UUID, attempt: int) -> None:
        """A held attempt began."""
        if self.status is S.SCHEDULED and self.held_by(node, attempt):
            self.touch(S.RUNNING)
            self.begun = True

    def end(
        self,
        node: UUID,
        attempt: int,
        outcome: Outcome,
        now: float,
        *,
        retry: bool = True,
        wait: float | None = None,
    ) -> str:
        """Accepted, already or late. `wait` None: the database draws it."""
        takes = self.status is S.RUNNING or (
            self.status is S.SCHEDULED and outcome is Outcome.CANCELLED
        )
        if not self.held_by(node, attempt) or not takes:
            return "already" if self.ended.get(attempt) == (node, outcome) else "late"
        self.ended[attempt] = (node, outcome)
        again = None if wait is None else now + wait
        if outcome is Outcome.SUCCESS:
            self.move(S.SUCCESS)
        elif outcome is Outcome.CANCELLED or self.cancel:
            self.move(S.CANCELLED)
        elif outcome is Outcome.SNOOZED:
            self.move(S.CREATED)
            self.wait_until(again)
            self.due = again or 0.0
        else:
            self._fail(again, retry=retry)
        return "accepted"

    def _fail(self, again: float | None, *, retry: bool) -> None:
        self.move(S.FAILED)
        self.failures += 1
        self.retry = retry and self.failures < self.max_attempts
        if self.retry:
            self.wait_until(again)

    def give_back(self, now: float) -> None:
        """A new attempt, due at once if its time has come; cancelled where that was asked (R20)."""
        if self.cancel:
            self.move(S.CANCELLED)
            return
        assert self.ready is not None
        self.move(S.SCHEDULED)
        self.attempt += 1
        self.dispatch = max(self.ready, now)

    # --- what duties do

    def lose(self, now: float) -> None:
        """Its holder is dead (R15)."""
        ran = self.status is S.RUNNING
        began = ran or self.ready_by(now)
        as_suspect = ran and self.lost >= SUSPECT_AFTER
        poison = as_suspect and not self.cancel and self.suspect_losses + 1 >= POISON_LOSSES
        self.lost += began
        self.suspect_losses += as_suspect
        if poison:
            self.move(S.FAILED)
        else:
            self.give_back(now)
        if began:
            self.ready = now

    def overrun(self, now: float) -> None:
        """No report by its deadline (R16)."""
        if self.cancel:
            self.move(S.CANCELLED)
        elif self.status is S.RUNNING:
            self._fail(None, retry=True)
        else:
            self.lost += 1
            self.give_back(now)

    # --- what a client does; each says whether it was legal

    def ask_cancel(self) -> bool:
        """At once, or as a wish."""
        if self.holder is not None:
            if not self.cancel:
                self.touch(self.status)
            self.cancel = True
            return True
        if self.status in TERMINAL or self.status is S.STOPPED:
            return False
        self.cancel = True
        self.move(S.CANCELLED)
        return True

    def change(self, moment: float | None, now: float) -> bool:
        """A new time, or something that does not move it."""
        free = self.status in {S.CREATED, S.SCHEDULED, S.FAILED} and self.holder is None
        if not free or (moment is not None and self.status is S.FAILED and not self.retry):
            return False
        self.touch(self.status)
        if moment is not None:
            self.due = self.due if self.status is S.FAILED else moment
            self.status = S.CREATED if self.status is S.SCHEDULED else self.status
            self.claimed_by = None
            self.ready, self.dispatch = moment, max(moment, now)
        return True

    def take_back(self, now: float) -> bool:
        """By hand, to CREATED."""
        if self.status is not S.SCHEDULED or self.holder is not None:
            return False
        assert self.ready is not None
        self.move(S.CREATED)
        self.dispatch = max(self.ready, now)
        return True

    def abandon(self) -> bool:
        """Given up, with or without a try to come."""
        if self.status not in {S.FAILED, S.STOPPED}:
            return False
        self.move(S.ABANDONED)
        return True

    def schedule_now(self, sources: set[S], now: float) -> bool:
        """By hand, or retry."""
        if self.status not in sources:
            return False
        self.max_attempts = max(self.max_attempts, self.failures + 1)
        self.due = min(self.due, now) if self.status is S.CREATED else self.due
        self.move(S.SCHEDULED)
        self.attempt += 1
        self.wait_until(now)
        return True

    def start_by_hand(self, token: str, now: float) -> None:
        """An executor outside holds it."""
        self.touch(S.RUNNING)
        self.begun = True
        self.holder, self.claimed_by = OUTSIDE, None
        self.old_token, self.token = self.token or self.old_token, token
        self.look = now + TIMEOUT_SECONDS + DEADLINE_GRACE_SECONDS
