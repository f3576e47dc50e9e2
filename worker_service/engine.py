"""The worker without its ears and its face: everything between a record and its answered report.

`app.py` adds the Kafka consumer that feeds it and the HTTP API that shows it.
"""

import asyncio
import random
from collections.abc import Callable, Mapping
from pathlib import Path
from uuid import UUID

from shared.contracts.nodes import DeclaredType, RegisterNode
from shared.contracts.states import NodeRole
from shared.kernel.clock import DatabaseClock, monotonic
from shared.kernel.ids import new_id
from shared.runtime.legs import Legs
from shared.runtime.periodic import Periodic
from shared.runtime.session import Renewer, Session
from worker_service.domain.attempts import AttemptTable
from worker_service.domain.execution_log import ExecutionLog
from worker_service.domain.hold_wheel import HoldWheel
from worker_service.domain.node import Membership, Node
from worker_service.domain.offset_tracker import OffsetBook
from worker_service.domain.room import Room
from worker_service.domain.slots import Slots
from worker_service.guarded_http.addresses import AddressGuard
from worker_service.guarded_http.limits import Limits
from worker_service.guarded_http.secrets import Secrets
from worker_service.handler_api import GuardedHttp, JobType
from worker_service.metrics import WorkerMetrics
from worker_service.operations.beat_session import BeatSession
from worker_service.operations.compare_holdings import CompareHoldings
from worker_service.operations.decide_records import DecideRecords
from worker_service.operations.drain import Drain, StopConsuming
from worker_service.operations.give_back_starved import GiveBackStarved
from worker_service.operations.keep_node import KeepNode
from worker_service.operations.lanes import Lanes
from worker_service.operations.lease_attempts import LeaseAttempts
from worker_service.operations.mailbox import Mailbox
from worker_service.operations.measure_way import LEGS, MeasureWay
from worker_service.operations.obey_cancels import ObeyCancels
from worker_service.operations.park_garbage import ParkGarbage
from worker_service.operations.ports import JobService
from worker_service.operations.release_attempts import ReleaseAttempts
from worker_service.operations.report_outcomes import ReportOutcomes
from worker_service.operations.run_attempts import RunAttempts
from worker_service.operations.start_due import StartDue
from worker_service.operations.stop_in_doubt import StopInDoubt
from worker_service.operations.take_grant import TakeGrant
from worker_service.operations.tell_progress import TellNotes
from worker_service.settings import WorkerSettings


class Engine:
    """All operations, put together. Made on the running main loop.

    `address` is called at registration: where others find this worker's API.
    """

    def __init__(
        self,
        settings: WorkerSettings,
        types: Mapping[str, JobType],
        calls: JobService,
        *,
        address: Callable[[], str],
        version: str,
    ) -> None:
        self._settings = settings
        self._types = types
        self._calls = calls
        self._address = address
        self._version = version
        self._clock = DatabaseClock()
        self.measured = WorkerMetrics(version=version)
        self._wheel = HoldWheel(self._clock)
        self._slots = Slots(settings.worker.slots)
        self.membership = Membership()
        self.table = AttemptTable()
        self.log = ExecutionLog()
        self.book = OffsetBook()
        self.lanes = Lanes(threads=settings.worker.slots)
        self._room = Room(
            self._slots,
            self._wheel,
            self.table,
            hold_slots=settings.worker.hold_slots,
            types=types,
            clock=self._clock,
        )
        self._compose_ends()
        self._compose_leases()
        self._compose_node()
        self.measured.of_the_engine(
            slots=self._slots,
            room=self._room,
            hold_slots=settings.worker.hold_slots,
            book=self.book,
            leases=self.leases,
            garbage=self.garbage,
            loops=self.loops(),
        )

    def loops(self) -> list[Periodic]:
        """What has to run for as long as the process lives."""
        return [
            self.beat.loop,
            self.keeper.loop,
            self.leases.loop,
            self.starts.loop,
            self.starved.loop,
            self.reports.loop,
            self.releases.loop,
            self.garbage.loop,
            self.notes.loop,
        ]

    def drain(self, stop_consuming: StopConsuming) -> Drain:
        """The end in good order."""
        return Drain(
            membership=self.membership,
            table=self.table,
            leases=self.leases,
            runs=self.runs,
            reports=self.reports,
            releases=self.releases,
            keeper=self.keeper,
            stop_consuming=stop_consuming,
            seconds=self._settings.worker.drain,
            now=monotonic,
        )

    def _compose_ends(self) -> None:
        clock = self._clock
        self.reports = ReportOutcomes(self._calls, self.table, self.log, clock=clock, now=monotonic)
        self.releases = ReleaseAttempts(self._calls, self.table, self.log, clock=clock)
        mailbox = Mailbox(asyncio.get_running_loop())
        self.notes = TellNotes(self._calls, mailbox, self.log, clock=clock.at_least)
        self.runs = RunAttempts(
            table=self.table,
            types=self._types,
            slots=self._slots,
            wheel=self._wheel,
            membership=self.membership,
            reports=self.reports,
            releases=self.releases,
            log=self.log,
            lanes=self.lanes,
            clock=clock,
            now=monotonic,
            http=_guarded_http(self._settings),
            observer=self.measured,
            tell=self.notes,
            uniform=random.random,
        )

    def _compose_leases(self) -> None:
        self.starts = StartDue(self._wheel, self._slots, self.runs, self.membership, now=monotonic)
        self.starved = GiveBackStarved(self._wheel, self.releases, self.membership, now=monotonic)
        grants = TakeGrant(
            table=self.table,
            wheel=self._wheel,
            membership=self.membership,
            reports=self.reports,
            releases=self.releases,
            log=self.log,
            types=self._types,
            clock=self._clock,
            now=monotonic,
            start_soon=self.starts.loop.wake,
        )
        legs = Legs(LEGS)
        self.measured.metrics.legs(legs)
        way = MeasureWay(clock=self._clock, legs=legs)
        self.leases = LeaseAttempts(
            self._calls,
            self.table,
            self._room,
            self.membership,
            grants,
            way,
            clock=self._clock,
            now=monotonic,
        )
        self.garbage = ParkGarbage(self._calls)
        self.records = DecideRecords(self.table, self.leases, self.garbage, way)

    def _compose_node(self) -> None:
        worker = self._settings.worker
        self.beat = BeatSession(
            self.membership,
            self._room,
            self.book,
            slots=worker.slots,
            hold_slots=worker.hold_slots,
        )
        self.keeper = KeepNode(
            calls=self._calls,
            membership=self.membership,
            table=self.table,
            runs=self.runs,
            log=self.log,
            clock=self._clock,
            now=monotonic,
            new_id=new_id,
            registration=self._registration,
            renewing=self._renewing,
            duties=self._duties,
        )

    def _registration(self, node: UUID) -> RegisterNode:
        return RegisterNode(
            node=node,
            role=NodeRole.WORKER,
            address=self._address(),
            version=self._version,
            slots=self._settings.worker.slots,
            hold_slots=self._settings.worker.hold_slots,
            types=[
                DeclaredType(
                    name=t.name,
                    timeout_seconds=t.timeout_seconds,
                    payload_schema=dict(t.payload_schema),
                    max_running=t.max_running,
                    passes_key=t.passes_key,
                )
                for t in self._types.values()
            ],
        )

    def _renewing(self, session: Session, on_dead: Callable[[], None]) -> Renewer:
        return Renewer(
            session,
            base_url=self._settings.job_service.url,
            clock=self._clock,
            counts=self.beat.counts,
            timeout_seconds=self._settings.job_service.request_timeout,
            on_dead=on_dead,
        )

    def _duties(self, node: Node) -> list[Periodic]:
        compare = CompareHoldings(
            node,
            calls=self._calls,
            table=self.table,
            runs=self.runs,
            releases=self.releases,
            membership=self.membership,
            log=self.log,
            clock=self._clock,
            now=monotonic,
        )
        cancels = ObeyCancels(
            node,
            calls=self._calls,
            table=self.table,
            runs=self.runs,
            reports=self.reports,
            membership=self.membership,
            clock=self._clock,
        )
        doubts = StopInDoubt(node, table=self.table, types=self._types, runs=self.runs)
        return [compare.loop, cancels.loop, *([doubts.loop] if doubts.needed else [])]


def _guarded_http(settings: WorkerSettings) -> GuardedHttp:
    """What handlers call addresses of payloads with."""
    call, secrets = settings.http_call, settings.secrets
    return GuardedHttp(
        AddressGuard(call.networks(), call.ports()),
        limits=Limits(call.connect_timeout, call.head_bytes, call.answer_bytes),
        secrets=Secrets(
            Path(secrets.directory) if secrets.directory else None, secrets.environment_prefix
        ),
    )
