"""What a worker tells Prometheus."""

from collections import Counter
from collections.abc import Iterable

from shared.runtime.metrics import SLOW, Metrics
from shared.runtime.periodic import Periodic
from worker_service.domain.offset_tracker import OffsetBook
from worker_service.domain.room import Room
from worker_service.domain.slots import Slots
from worker_service.operations.lease_attempts import LeaseAttempts
from worker_service.operations.park_garbage import ParkGarbage


class WorkerMetrics:
    """The series of one process. Observes runs for `RunAttempts`."""

    def __init__(self, *, version: str) -> None:
        self.metrics = Metrics(service="worker_service", version=version)
        label = ("job_type",)
        self._lateness = self.metrics.histogram(
            "lateness_seconds", "From an attempt's due time to its handler's call.", label
        )
        self._wait = self.metrics.histogram(
            "queue_wait_seconds", "From being due and leased here to the handler's call.", label
        )
        self._ends: Counter[tuple[str, str]] = Counter()
        self.metrics.counter(
            "handler_ends",
            "Handlers' calls that are over, by how.",
            ("job_type", "reason"),
            lambda: {key: float(count) for key, count in self._ends.items()},
        )
        self._run = self.metrics.histogram(
            "handler_seconds", "What handlers took.", ("job_type", "outcome"), buckets=SLOW
        )

    def started(self, job_type: str, *, late: float, waited: float) -> None:
        """A handler is being called; seconds."""
        self._lateness.observe(late, job_type)
        self._wait.observe(waited, job_type)

    def ended(self, job_type: str, outcome: str, reason: str, *, took: float) -> None:
        """A handler's call is over; seconds."""
        self._run.observe(took, job_type, outcome)
        self._ends[job_type, reason] += 1

    def of_the_engine(
        self,
        *,
        slots: Slots,
        room: Room,
        hold_slots: int,
        book: OffsetBook,
        leases: LeaseAttempts,
        garbage: ParkGarbage,
        loops: Iterable[Periodic],
    ) -> None:
        """What is read at each scrape."""
        gauge = self.metrics.gauge
        gauge(
            "slots",
            "Handlers that can run at once, by what they do.",
            ("state",),
            lambda: {("busy",): slots.occupied, ("free",): slots.free()},
        )
        gauge(
            "hold_slots",
            "Attempts that can be held before they are due.",
            ("state",),
            lambda: {("taken",): room.held(), ("free",): hold_slots - room.held()},
        )
        gauge(
            "undecided_records",
            "Records read whose attempts job_service has not decided yet.",
            (),
            lambda: {(): leases.backlog()},
        )
        gauge(
            "lag",
            "Records of the topic partitions that are assigned and not decided here.",
            ("topic_partition",),
            lambda: {
                (str(p.topic_partition),): max(0, p.end - p.committed) for p in book.positions()
            },
        )
        self.metrics.tally(
            "lease_answers", "Attempts asked for, by the answer.", "decision", leases.answers
        )
        self.metrics.counter(
            "parked_records",
            "Records that are no dispatch.",
            (),
            lambda: {(): garbage.loop.done["parked"]},
        )
        self.metrics.watch(loops)
