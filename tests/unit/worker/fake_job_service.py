"""A job_service over real HTTP with the protocol's answers and a dictionary for a database.

It keeps the worker's side of the contract honest: leases and ends are fenced by node and attempt,
cancels are level-triggered, a dead node stays dead. Faults are asked for by name: `lose` drops
replies after they took effect, `refuse` answers 422.
"""

import asyncio
import threading
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any, TypeVar
from uuid import UUID

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from shared.contracts.base import Message
from shared.contracts.leases import (
    Decision,
    Lease,
    LeaseReply,
    LeaseRequest,
    ReleaseReply,
    ReleaseRequest,
)
from shared.contracts.nodes import (
    AskCancels,
    AttemptRef,
    Cancels,
    Holdings,
    Left,
    Registered,
    RegisterNode,
    Renew,
    Renewed,
)
from shared.contracts.progress import AttemptTells, TellProgress, Told
from shared.contracts.reports import (
    End,
    EndAnswer,
    ParkedRecord,
    ParkReply,
    ParkRequest,
    ReportReply,
    ReportRequest,
    Verdict,
)
from shared.contracts.way import Stamps
from shared.kernel.ids import new_id
from shared.runtime.serve import HttpServer

M = TypeVar("M", bound=Message)


@dataclass
class FakeJob:
    """A row of `jobs`, as far as a worker can see it."""

    id: UUID
    job_type: str
    payload: Any = None
    due_at: datetime = field(default_factory=lambda: datetime.now(UTC))
    timeout_seconds: float = 300.0
    failures: int = 0
    status: str = "SCHEDULED"
    attempt: int = 1
    node: UUID | None = None
    execution: UUID | None = None
    cancel_requested: bool = False
    started_at: datetime | None = None
    ends: list[End] = field(default_factory=list)
    late: list[End] = field(default_factory=list)
    history: list[str] = field(default_factory=list)


class FakeJobService:
    """Runs in a thread of its own, so that a worker's hanging loop does not stop it."""

    def __init__(self, *, ttl_seconds: float = 10.0) -> None:
        self.ttl_seconds = ttl_seconds
        self.jobs: dict[UUID, FakeJob] = {}
        self.live: dict[UUID, bool] = {}
        self.renewals: list[Renew] = []
        self.parked: list[ParkedRecord] = []
        self.declined: list[tuple[UUID, str]] = []
        self.released: list[tuple[UUID, str]] = []
        self.left: list[UUID] = []
        self.told: list[AttemptTells] = []
        self.requests: Counter[str] = Counter()
        self.lose: Counter[str] = Counter()
        self.ways: dict[UUID, Stamps] = {}
        """What the last request for a job's lease told of its way."""
        self.locked: set[UUID] = set()
        """Jobs of which nothing is decided now."""
        self.refuse: Callable[[str, bytes], bool] = lambda kind, body: False
        self.url = ""
        self._ready = threading.Event()
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._serve, daemon=True)

    def start(self, port: int = 0) -> "FakeJobService":
        """Listen on a free port."""
        self._port = port
        self._thread.start()
        if not self._ready.wait(10):
            raise TimeoutError("the fake job_service did not start")
        return self

    def stop(self) -> None:
        """Close the port."""
        self._loop.call_soon_threadsafe(self._end.set)
        self._thread.join(10)

    def add(self, job_type: str, payload: Any = None, **more: Any) -> FakeJob:
        """A job that is SCHEDULED and waits for a lease."""
        job = FakeJob(new_id(), job_type, payload, **more)
        self.jobs[job.id] = job
        return job

    def kill_nodes(self) -> None:
        """Declare every node dead and take its attempts back, as the reaper does."""
        for node in self.live:
            self.live[node] = False
        for job in self.jobs.values():
            if job.node is not None:
                self._take_back(job)

    def _take_back(self, job: FakeJob) -> None:
        job.node, job.status, job.attempt = None, "SCHEDULED", job.attempt + 1
        job.execution = None

    # -- HTTP ---------------------------------------------------------------------------------

    def _serve(self) -> None:
        asyncio.set_event_loop(self._loop)
        self._loop.run_until_complete(self._run())

    async def _run(self) -> None:
        self._end = asyncio.Event()
        routes = [
            Route("/internal/v1/nodes", self._on(RegisterNode, self._register), methods=["POST"]),
            Route("/internal/v1/nodes/{node}/{verb}", self._node_call, methods=["POST"]),
            Route("/internal/v1/leases", self._on(LeaseRequest, self._lease), methods=["POST"]),
            Route(
                "/internal/v1/releases", self._on(ReleaseRequest, self._release), methods=["POST"]
            ),
            Route("/internal/v1/reports", self._on(ReportRequest, self._report), methods=["POST"]),
            Route("/internal/v1/progress", self._on(TellProgress, self._tell), methods=["POST"]),
            Route("/internal/v1/parked", self._on(ParkRequest, self._park), methods=["POST"]),
        ]
        server = HttpServer(Starlette(routes=routes), host="127.0.0.1", port=self._port)
        await server.start()
        self.url = f"http://127.0.0.1:{server.port}"
        self._ready.set()
        await self._end.wait()
        await server.stop()

    def _on(self, model: type[M], handle: Callable[[M], Message]) -> Any:
        async def endpoint(request: Request) -> Response:
            kind = request.url.path.rsplit("/", 1)[-1]
            body = await request.body()
            self.requests[kind] += 1
            if self.refuse(kind, body):
                return Response("refused", 422)
            return self._answer(kind, handle(model.model_validate_json(body)))

        return endpoint

    def _answer(self, kind: str, reply: Message) -> Response:
        if self.lose[kind] > 0:
            self.lose[kind] -= 1
            return Response("lost", 503)
        return Response(reply.model_dump_json(by_alias=True), media_type="application/json")

    async def _node_call(self, request: Request) -> Response:
        node, verb = UUID(request.path_params["node"]), request.path_params["verb"]
        body = await request.body()
        self.requests[verb] += 1
        live = self.live.get(node, False)
        if verb == "renew":
            self.renewals.append(Renew.model_validate_json(body))
            reply: Message = Renewed(live=live, ttl_seconds=self.ttl_seconds, now=_now())
        elif verb == "compare":
            held = [j for j in self.jobs.values() if j.node == node]
            holds = [AttemptRef(job_id=j.id, attempt=j.attempt) for j in held]
            reply = Holdings(live=live, holds=holds, now=_now())
        elif verb == "cancels":
            reply = await self._cancels(node, AskCancels.model_validate_json(body))
        else:
            self.left.append(node)
            self.live[node] = False
            reply = Left(was_live=live)
        return self._answer(verb, reply)

    # -- the protocol -------------------------------------------------------------------------

    def _register(self, request: RegisterNode) -> Registered:
        live = self.live.setdefault(request.node, True)
        return Registered(live=live, ttl_seconds=self.ttl_seconds, now=_now())

    def _lease(self, request: LeaseRequest) -> LeaseReply:
        if not self.live.get(request.node, False):
            return LeaseReply(live=False, leases=[], now=_now())
        leases = []
        for item in request.items:
            if item.job_id in self.locked:
                continue
            job = self.jobs.get(item.job_id)
            self.ways[item.job_id] = item.way or Stamps()
            if item.decline is not None:
                self.declined.append((item.job_id, item.decline.value))
                decision = Decision.DECLINED
            elif job is None or job.attempt != item.attempt:
                decision = Decision.REFUSED
            elif job.node == request.node:
                decision = Decision.GRANTED
            elif job.status == "SCHEDULED" and job.node is None:
                decision = Decision.GRANTED
                job.node, job.execution = request.node, new_id()
                due = job.due_at <= _now()
                job.status = "RUNNING" if due else "SCHEDULED"
                job.history.append("started" if due else "held")
            else:
                decision = Decision.REFUSED
            if decision is Decision.GRANTED and job is not None:
                leases.append(_grant(job))
            else:
                leases.append(Lease(job_id=item.job_id, attempt=item.attempt, decision=decision))
        return LeaseReply(live=True, leases=leases, now=_now())

    def _tell(self, request: TellProgress) -> Told:
        self.told.extend(request.attempts)
        return Told(kept=len(request.attempts))

    def _release(self, request: ReleaseRequest) -> ReleaseReply:
        released = []
        for ref in request.items:
            self.released.append((ref.job_id, request.reason))
            job = self.jobs.get(ref.job_id)
            if job is not None and job.node == request.node and job.attempt == ref.attempt:
                self._take_back(job)
                released.append(ref)
        return ReleaseReply(released=released)

    def _report(self, request: ReportRequest) -> ReportReply:
        for start in request.starts:
            if start.job_id in self.locked:
                continue
            job = self.jobs[start.job_id]
            if job.node == request.node and job.attempt == start.attempt:
                if job.status == "SCHEDULED":
                    job.history.append("started")
                job.status, job.started_at = "RUNNING", start.started_at
        free = [end for end in request.ends if end.job_id not in self.locked]
        answers = [self._end_job(request.node, end) for end in free]
        told = {(s.job_id, s.attempt) for s in request.starts}
        told |= {(e.job_id, e.attempt) for e in request.ends}
        untold = [AttemptRef(job_id=j, attempt=a) for j, a in told if j in self.locked]
        return ReportReply(ends=answers, now=_now(), untold=untold)

    def _end_job(self, node: UUID, end: End) -> EndAnswer:
        job = self.jobs[end.job_id]
        ours = job.node == node and job.attempt == end.attempt
        cancelled_held = job.status == "SCHEDULED" and end.outcome.value == "CANCELLED"
        if ours and (job.status == "RUNNING" or cancelled_held):
            verdict = Verdict.ACCEPTED
            job.status, job.node = end.outcome.value, None
            job.started_at = end.started_at
            job.ends.append(end)
            job.history.append(end.reason)
        elif any(told.attempt == end.attempt for told in job.ends):
            verdict = Verdict.ALREADY
        else:
            verdict = Verdict.LATE
            job.late.append(end)
        return EndAnswer(job_id=end.job_id, attempt=end.attempt, verdict=verdict, status=job.status)

    def _park(self, request: ParkRequest) -> ParkReply:
        known = {(p.topic_partition, p.record_offset, p.sha256) for p in self.parked}
        new = [
            r
            for r in request.records
            if (r.topic_partition, r.record_offset, r.sha256) not in known
        ]
        self.parked.extend(new)
        return ParkReply(parked=len(new))

    async def _cancels(self, node: UUID, request: AskCancels) -> Cancels:
        known = {(ref.job_id, ref.attempt) for ref in request.known}
        until = _now() + timedelta(seconds=request.wait_seconds)
        while True:
            asked = [
                AttemptRef(job_id=j.id, attempt=j.attempt)
                for j in self.jobs.values()
                if j.node == node and j.cancel_requested and (j.id, j.attempt) not in known
            ]
            if asked or _now() >= until or self._end.is_set():
                return Cancels(cancels=asked)
            await asyncio.sleep(0.02)


def _now() -> datetime:
    return datetime.now(UTC)


def _grant(job: FakeJob) -> Lease:
    return Lease(
        job_id=job.id,
        attempt=job.attempt,
        decision=Decision.GRANTED,
        running=job.status == "RUNNING",
        job_type=job.job_type,
        payload=job.payload,
        due_at=job.due_at,
        timeout_seconds=job.timeout_seconds,
        execution_id=job.execution,
        epoch=3,
        failures=job.failures,
        max_attempts=3,
        cancel_requested=job.cancel_requested,
        name="a job",
    )
