"""Say that the main loop goes round, and what this worker has, for the session thread to pass on.

The thread reads a finished snapshot; it touches nothing that the main loop changes.
"""

from collections.abc import Mapping

from shared.contracts.nodes import Renew
from shared.runtime.periodic import Periodic
from worker_service.domain.node import Membership
from worker_service.domain.offset_tracker import OffsetBook
from worker_service.domain.room import Room

EVERY_SECONDS = 0.2
"""Without a node; with one its session says how often."""


class BeatSession:
    """A worker that drains reports no room, whatever it has."""

    def __init__(
        self,
        membership: Membership,
        room: Room,
        book: OffsetBook,
        *,
        slots: int,
        hold_slots: int,
    ) -> None:
        self._membership = membership
        self._room = room
        self._book = book
        self._slots = slots
        self._hold_slots = hold_slots
        self._snapshot = Renew(slots=slots)
        self.loop = Periodic("beat", self.run_once, every_seconds=EVERY_SECONDS)

    def counts(self) -> Renew:
        """The last snapshot. From any thread."""
        return self._snapshot

    async def run_once(self) -> Mapping[str, int]:
        """One beat and a fresh snapshot."""
        draining = self._membership.draining
        taken = self._room.taken()
        self._snapshot = Renew(
            slots=taken if draining else self._slots,
            hold_slots=0 if draining else self._hold_slots,
            running=min(taken, self._slots),
            held=self._room.held(),
            positions=self._book.positions(),
        )
        if self._membership.node is not None:
            self._membership.node.session.beat()
            self.loop.every_seconds = self._membership.node.session.beat_seconds()
        return {}
