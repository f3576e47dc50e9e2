"""What this worker can take now, judged before it asks."""

from collections.abc import Container

from shared.contracts.leases import DeclineReason
from shared.kernel.clock import DatabaseClock
from worker_service.domain.attempts import Attempt, AttemptTable, State
from worker_service.domain.hold_wheel import HoldWheel
from worker_service.domain.slots import Slots


class Offer:
    """The room for one request, counted down while it is put together."""

    def __init__(
        self, *, slots: int, holds: int, types: Container[str], clock: DatabaseClock
    ) -> None:
        self._slots = slots
        self._holds = holds
        self._types = types
        self._clock = clock

    def judge(self, attempt: Attempt) -> DeclineReason | None:
        """Take room for an attempt, or say why there is none. The record's due time is a hint here, and so is
        when it was claimed: what was claimed ahead has a hold slot, also if it comes when it is due already.
        Sent back it would wait behind all that is claimed ahead after it.
        """
        if attempt.job_type not in self._types:
            return DeclineReason.UNKNOWN_TYPE
        claimed_at = attempt.way.claimed_at
        ahead = claimed_at is not None and claimed_at < attempt.due_at
        if self._clock.seconds_until(attempt.due_at) <= 0 and not ahead:
            self._slots -= 1
            return None if self._slots >= 0 else DeclineReason.NO_SLOT
        self._holds -= 1
        return None if self._holds >= 0 else DeclineReason.NO_SLOT


class Room:
    """Free slots: neither running nor promised to what is leased and due. Hold slots: not yet
    due.
    """

    def __init__(
        self,
        slots: Slots,
        wheel: HoldWheel,
        table: AttemptTable,
        *,
        hold_slots: int,
        types: Container[str],
        clock: DatabaseClock,
    ) -> None:
        self._slots = slots
        self._wheel = wheel
        self._table = table
        self._hold_slots = hold_slots
        self._types = types
        self._clock = clock

    def held(self) -> int:
        """Attempts held that are not due yet."""
        return self._table.count(State.HELD) - self._wheel.due()

    def taken(self) -> int:
        """Slots that are occupied or promised."""
        return self._slots.occupied + self._wheel.due()

    def offer(self) -> Offer:
        """The room as it is now. At most one request is on its way, so nothing else is asked
        for.
        """
        return Offer(
            slots=self._slots.total - self.taken(),
            holds=self._hold_slots - self.held(),
            types=self._types,
            clock=self._clock,
        )
