"""Decide what to do with each record from the topic: lease it, park it, or nothing.

Nothing is to be done for an attempt that is here already or was: its record is decided at once. One
whose lease is still asked for waits for that answer.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from shared.contracts.dispatch import NotADispatch, decode
from shared.runtime.log import get
from worker_service.domain.attempts import Attempt, AttemptTable, State
from worker_service.domain.offset_tracker import Place
from worker_service.operations.lease_attempts import LeaseAttempts
from worker_service.operations.measure_way import MeasureWay
from worker_service.operations.park_garbage import ParkGarbage

MAX_INTAKE = 2_000
"""Attempts that wait for a lease before the consumer pauses."""
MAX_GARBAGE = 100
"""Records that wait to be parked before the consumer pauses; each keeps up to 64 KiB."""


@dataclass(frozen=True, slots=True)
class Record:
    """A record as it came from the topic."""

    topic: str
    topic_partition: int
    value: bytes | None
    place: Place
    headers: Sequence[tuple[str, bytes]] = ()


class DecideRecords:
    """Where records enter; called on the main loop, never blocks."""

    def __init__(
        self,
        table: AttemptTable,
        leases: LeaseAttempts,
        garbage: ParkGarbage,
        way: MeasureWay,
    ) -> None:
        self._table = table
        self._leases = leases
        self._garbage = garbage
        self._way = way
        self._log = get(__name__)

    def take(self, records: Iterable[Record]) -> None:
        """Sort records into intake and garbage."""
        for record in records:
            self._take(record)

    def full(self) -> bool:
        """Whether the consumer should pause."""
        return self._leases.backlog() > MAX_INTAKE or self._garbage.backlog() > MAX_GARBAGE

    def _take(self, record: Record) -> None:
        try:
            dispatch = decode(record.value)
        except Exception as error:
            # Whatever the bytes do to the decoder, they must not stop the topic partition.
            known = isinstance(error, NotADispatch)
            reason = str(error) if known else f"unreadable: {error!r}"
            self._garbage.add(
                record.topic, record.topic_partition, record.value, reason, record.place
            )
            return
        key = (dispatch.job_id, dispatch.attempt)
        here = self._table.get(key)
        if here is None and not self._table.remembers(key):
            attempt = Attempt(
                dispatch.job_id,
                dispatch.attempt,
                dispatch.job_type,
                dispatch.due_at,
                places=[record.place],
                way=self._way.received(record.headers),
            )
            self._table.add(attempt)
            self._leases.want(attempt)
        elif here is not None and here.state is State.ASKING:
            here.places.append(record.place)
        else:
            self._log.debug(
                "record decided",
                topic_partition=record.topic_partition,
                offset=record.place.offset,
                job_id=str(dispatch.job_id),
                attempt=dispatch.attempt,
                decision="known",
            )
            record.place.decided()
