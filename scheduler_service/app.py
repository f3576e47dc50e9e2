"""Puts the scheduler together and runs it until it is asked to end."""

import asyncio
import importlib.metadata
import socket
from collections.abc import Coroutine, Sequence
from typing import Any
from uuid import UUID

from scheduler_service.api.routes import build_app
from scheduler_service.clients.job_service import JobService
from scheduler_service.domain.held_jobs import HeldJobs, key_of
from scheduler_service.domain.lead import Lead
from scheduler_service.kafka.event_publisher import EventPublisher
from scheduler_service.kafka.keep_topics import KeepTopics
from scheduler_service.kafka.publisher import Publisher
from scheduler_service.metrics import measure
from scheduler_service.operations.carry_events import CarryEvents
from scheduler_service.operations.claim_due import ClaimDue
from scheduler_service.operations.keep_session import KeepSession
from scheduler_service.operations.measure_way import LEGS, MeasureWay
from scheduler_service.operations.publish_due import PublishDue
from scheduler_service.operations.scan_now import ScanNow
from scheduler_service.settings import SchedulerSettings
from shared.contracts.claims import Claimed, Published
from shared.contracts.nodes import Renew
from shared.kernel.clock import DatabaseClock
from shared.kernel.ids import new_id
from shared.runtime.http_client import CallFailed
from shared.runtime.legs import Legs
from shared.runtime.log import get
from shared.runtime.periodic import Periodic
from shared.runtime.serve import HttpServer, Stop
from shared.runtime.session import Renewer, Session

REGISTER_SECONDS = 0.2
"""Until there is a node; then its session says how often the loop beats."""
CLAIM_PAUSE_SECONDS = 0.05
"""After a claim that brought nothing; the long-poll does the waiting."""
PUBLISH_CHECK_SECONDS = 0.5
"""Besides the alarm for the next bucket: the bound of the database clock may have become better."""
PRODUCER_CHECK_SECONDS = 0.5
IDLE_SECONDS = 2.0
"""Of these two while nothing is held and the producer is good: both are woken when that changes."""
TOPIC_CHECK_SECONDS = 2.0
EVENTS_PAUSE_SECONDS = 0.1
"""After a batch of events that was not full: what comes meanwhile gathers for the next."""
END_FLUSH_SECONDS = 1.5
END_STEP_SECONDS = 0.8
"""Leaving, then closing: each step within this, so that the whole end stays below 5 s."""


def version() -> str:
    """The release of the installed distribution; `source` when run from a tree that is not
    installed."""
    try:
        return importlib.metadata.version("punctual")
    except importlib.metadata.PackageNotFoundError:
        return "source"


class Alarm:
    """Wakes a loop once, at the moment asked for last."""

    def __init__(self) -> None:
        self._handle: asyncio.TimerHandle | None = None
        self.periodic: Periodic | None = None

    def ring_in(self, seconds: float) -> None:
        """Ring once in so many seconds, and not at the moment asked for before."""
        if self._handle is not None:
            self._handle.cancel()
        self._handle = asyncio.get_running_loop().call_later(seconds, self._ring)

    def _ring(self) -> None:
        if self.periodic is not None:
            self.periodic.wake()


class SchedulerApp:
    """Everything of one scheduler process. Made inside its event loop."""

    def __init__(self, settings: SchedulerSettings, group: asyncio.TaskGroup) -> None:
        self._settings = settings
        self._group = group
        self._loop = asyncio.get_running_loop()
        self._log = get(__name__)
        self._clock = DatabaseClock()
        self._held = HeldJobs(Lead(settings.scheduler.lead, most=settings.scheduler.lead_most))
        self._legs = Legs(LEGS)
        self._job_service = JobService(settings.job_service)
        self._topics = KeepTopics(settings.kafka)
        self._publisher = Publisher(
            settings.kafka,
            spawn=group.create_task,
            on_published=self._published,
            on_broken=lambda: self._producer_loop.wake(),
            way=MeasureWay(held=self._held, clock=self._clock, legs=self._legs),
        )
        self._events = EventPublisher(settings.kafka, on_broken=lambda: self._events_loop.wake())
        self._alarm = Alarm()
        self._make_operations()
        self._make_loops()
        self._make_server()

    def _make_operations(self) -> None:
        scheduler = self._settings.scheduler
        self._publish = PublishDue(
            held=self._held,
            clock=self._clock,
            publish=self._publisher.offer,
            alarm=self._alarm.ring_in,
        )
        self._claim = ClaimDue(
            ask=self._job_service.claim,
            held=self._held,
            clock=self._clock,
            limit=scheduler.claim_limit,
            on_claimed=lambda: self._publish_loop.wake(),
            on_dead=lambda: self._session_loop.wake(),
            legs=self._legs,
        )
        self._carry = CarryEvents(
            ask=self._job_service.events,
            publish=self._events,
            session=lambda: self._session.session,
        )
        self._session = KeepSession(
            register=self._job_service.register,
            renewal=self._renewal,
            new_node_id=new_id,
            address=self._address,
            version=version(),
            clock=self._clock,
            on_begin=self._node_began,
            on_end=self._node_ended,
        )

    def _make_loops(self) -> None:
        self._session_loop = Periodic(
            "session", self._session.run_once, every_seconds=REGISTER_SECONDS
        )
        self._claim_loop = Periodic(
            "claim", self._claim.run_once, every_seconds=CLAIM_PAUSE_SECONDS
        )
        self._publish_loop = Periodic(
            "publish",
            self._publish.run_once,
            every_seconds=PUBLISH_CHECK_SECONDS,
            idle_seconds=IDLE_SECONDS,
        )
        self._producer_loop = Periodic(
            "producer",
            self._publisher.run_once,
            every_seconds=PRODUCER_CHECK_SECONDS,
            idle_seconds=IDLE_SECONDS,
        )
        self._topics_loop = Periodic(
            "topics", self._topics.run_once, every_seconds=TOPIC_CHECK_SECONDS
        )
        self._events_loop = Periodic(
            "events", self._carry.run_once, every_seconds=EVENTS_PAUSE_SECONDS
        )
        self._our_loops = (self._session_loop, self._claim_loop, self._publish_loop)
        self._broker_loops = (self._producer_loop, self._topics_loop, self._events_loop)
        self._alarm.periodic = self._publish_loop

    def _make_server(self) -> None:
        scan = ScanNow(
            claim=self._claim,
            publish=self._publish,
            held=self._held,
            flush=self._publisher.flush,
        )
        metrics = measure(
            version=version(),
            loops=(*self._our_loops, *self._broker_loops),
            held=self._held,
            publisher=self._publisher,
            claim=self._claim,
            events=self._events_loop,
            legs=self._legs,
        )
        self._server = HttpServer(
            build_app(version=version(), missing=self._missing, scan=scan.run, metrics=metrics),
            host=self._settings.scheduler.host,
            port=self._settings.scheduler.port,
        )

    async def run(self, stop: Stop) -> None:
        """Serve until `stop` is asked, then end in good order.

        Raises:
            OSError: the HTTP address cannot be bound.
        """
        await self._server.start()
        ours, broker = (
            [self._group.create_task(loop.run(), name=loop.name) for loop in loops]
            for loops in (self._our_loops, self._broker_loops)
        )
        self._log.info("scheduler started", port=self._server.port)
        await stop.wait()
        await self._end(ours, broker)

    async def _end(self, ours: list[asyncio.Task[None]], broker: list[asyncio.Task[None]]) -> None:
        """Claim no more, publish what is due within the lead, leave; the rest is armed again at
        once."""
        self._log.info("ending", held=len(self._held))
        for task in [*ours, *broker]:
            task.cancel()
        await asyncio.wait(ours)
        self._publish.hand_over()
        await asyncio.gather(
            self._publisher.flush(END_FLUSH_SECONDS), self._session.stop_renewing()
        )
        await asyncio.gather(
            self._within_limit("leave", self._leave()),
            self._within_limit("http", self._server.stop()),
        )
        await asyncio.gather(
            self._within_limit("producer", self._publisher.close()),
            self._within_limit("event producer", self._events.close()),
            self._within_limit("topics", self._topics.close()),
        )
        await self._within_limit("clients", self._job_service.close())
        self._log.info("ended", held=len(self._held))

    async def _within_limit(self, step: str, work: Coroutine[Any, Any, None]) -> None:
        try:
            async with asyncio.timeout(END_STEP_SECONDS):
                await work
        except (TimeoutError, CallFailed) as error:
            self._log.warning("step of the end failed", step=step, error=repr(error)[:200])

    async def _leave(self) -> None:
        session = self._session.session
        if session is not None and not session.dead():
            await self._job_service.leave(UUID(session.node))

    def _renewal(self, session: Session) -> Renewer:
        return Renewer(
            session,
            base_url=self._settings.job_service.url,
            clock=self._clock,
            counts=Renew,
            timeout_seconds=self._settings.job_service.request_timeout,
            on_dead=self._wake_session,
        )

    def _wake_session(self) -> None:
        """Called from the renewer's thread."""
        self._loop.call_soon_threadsafe(self._session_loop.wake)

    def _published(self, jobs: Sequence[Claimed], reports: Sequence[Published]) -> None:
        self._held.let_go(key_of(job) for job in jobs)
        self._claim.note_published(reports)

    def _node_began(self, session: Session) -> None:
        self._session_loop.every_seconds = session.beat_seconds()
        self._claim.begin(session)

    def _node_ended(self) -> None:
        self._claim.end()
        self._publisher.forget()
        self._held.clear()

    def _address(self) -> str:
        """Where others reach it: in a container it listens on every address and has a name."""
        host = self._settings.scheduler.host
        everywhere = host in ("0.0.0.0", "::")  # noqa: S104 - asked, not bound
        return f"http://{socket.gethostname() if everywhere else host}:{self._server.port}"

    def _missing(self) -> list[str]:
        reasons = []
        session = self._session.session
        if session is None:
            reasons.append("job_service is away: this scheduler is not registered")
        elif session.expired():
            reasons.append("job_service is away: the session was not renewed in time")
        elif not self._claim.answering():
            reasons.append("job_service is away: the last claim was not answered")
        if not (self._publisher.connected() and self._topics.answered()):
            reasons.append(f"kafka is away: no broker answers at {self._settings.kafka.bootstrap}")
        return reasons


async def serve(settings: SchedulerSettings) -> None:
    """Run a scheduler until SIGTERM or SIGINT."""
    stop = Stop()
    stop.listen()
    async with asyncio.TaskGroup() as group:
        await SchedulerApp(settings, group).run(stop)
