"""The composition root of job_service: the one place that knows every part."""

import asyncio
import random
import secrets
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Protocol

from fastapi import FastAPI

from job_service.api import (
    bulk_actions,
    change_jobs,
    create_jobs,
    dead_letters,
    internal,
    internal_events,
    job_types,
    list_jobs,
    nodes,
    parked,
    probes,
    problems,
    read_jobs,
    why,
)
from job_service.api.admission import Admission
from job_service.api.body_limit import BodyLimit
from job_service.api.hot_routes import HotRoutes
from job_service.domain.outside import OUTSIDE
from job_service.domain.recent_ways import RecentWays
from job_service.duties.end_overdue import EndOverdue
from job_service.duties.expire import Expire
from job_service.duties.fold_counts import FoldCounts
from job_service.duties.make_partitions import MakePartitions
from job_service.duties.reap import Reap
from job_service.duties.reconcile import Reconcile
from job_service.duties.retain import Keep, Retain
from job_service.duties.run_bulk_actions import RunBulkActions
from job_service.duties.take_back_paused import TakeBackPaused
from job_service.metrics import JobServiceMetrics
from job_service.operations.begin_bulk import BeginBulk
from job_service.operations.change_by_client import Bells, ChangeByClient
from job_service.operations.check_payload import READ_EVERY_SECONDS, TypeCheck
from job_service.operations.claim_due import ClaimDue
from job_service.operations.create_jobs import CreateJobs
from job_service.operations.delete_job import DeleteJob
from job_service.operations.doorbell import Doorbell
from job_service.operations.drain_worker import DrainWorker
from job_service.operations.explain_job import ExplainJob
from job_service.operations.feed_events import FeedEvents
from job_service.operations.join_changes import JoinChanges
from job_service.operations.keep_sessions import KeepSessions
from job_service.operations.lease_attempts import LeaseAttempts
from job_service.operations.pause_types import PauseTypes
from job_service.operations.release_attempts import ReleaseAttempts
from job_service.operations.report_attempts import ReportAttempts
from job_service.operations.rerun_job import RerunJob
from job_service.operations.wait_for_cancels import WaitForCancels
from job_service.postgres.notifier import Notifier
from job_service.postgres.readiness import database_problem
from job_service.processes import Member
from job_service.settings import JobServiceSettings
from job_service.stores import Stores, make_stores
from shared.api import documents
from shared.contracts.states import NodeRole
from shared.kernel.clock import monotonic
from shared.runtime.periodic import Periodic
from shared.runtime.serve import HttpServer, Stop
from shared.runtime.settings import Limits

DEAD_NODES_KEPT_SECONDS = 86_400.0


@dataclass(frozen=True)
class Operations:
    """What job_service does for others."""

    create: CreateJobs
    rerun: RerunJob
    change: ChangeByClient
    delete: DeleteJob
    bulk: BeginBulk
    explain: ExplainJob
    claims: ClaimDue
    leases: LeaseAttempts
    releases: ReleaseAttempts
    reports: ReportAttempts
    sessions: KeepSessions
    cancels: WaitForCancels
    drain: DrainWorker
    types: TypeCheck
    pauses: PauseTypes
    events: FeedEvents


class _Duty(Protocol):
    EVERY_SECONDS: float

    async def run_once(self) -> Mapping[str, int]: ...


def make_operations(settings: JobServiceSettings, stores: Stores, bells: Bells) -> Operations:
    """Wire the operations to their stores."""
    due = bells.due
    ttl = {
        NodeRole.WORKER: settings.lease.ttl,
        NodeRole.SCHEDULER: settings.lease.scheduler_ttl,
    }
    ways = RecentWays(monotonic)
    create = CreateJobs(stores.jobs, due)
    events = FeedEvents(stores.feed)
    types = TypeCheck(stores.types)
    return Operations(
        create=create,
        rerun=RerunJob(create, stores.jobs, types.check_all),
        change=ChangeByClient(
            stores.changes,
            JoinChanges(stores.changes),
            stores.jobs,
            stores.reports,
            bells,
            outside=OUTSIDE,
            secret=partial(secrets.token_urlsafe, 24),
            uniform=random.random,
        ),
        explain=ExplainJob(
            stores.explaining,
            stores.claims,
            grace_seconds=settings.lease.grace,
        ),
        delete=DeleteJob(stores.deletion, stores.jobs),
        bulk=BeginBulk(
            stores.bulks, most_open=settings.bulk.most_open, most_jobs=settings.bulk.most_jobs
        ),
        claims=ClaimDue(
            stores.claims,
            due,
            ways,
            aged_share=settings.claim.aged_share,
            on_claimed=events.stir,
        ),
        leases=LeaseAttempts(
            stores.leases,
            stores.nodes,
            due,
            ways,
            suspect_after=settings.poison.suspect_after,
            uniform=random.random,
        ),
        releases=ReleaseAttempts(stores.leases, due),
        reports=ReportAttempts(stores.reports, due, uniform=random.random),
        sessions=KeepSessions(stores.nodes, due, ttl_seconds=ttl),
        cancels=WaitForCancels(stores.nodes, bells.cancels),
        drain=DrainWorker(stores.nodes, bells.cancels),
        types=types,
        pauses=PauseTypes(stores.types, due),
        events=events,
    )


def make_duties(settings: JobServiceSettings, stores: Stores, due: Doorbell) -> list[Periodic]:
    """The periodic duties; any number of replicas may run them."""
    keep = Keep(
        jobs_seconds=settings.retention.jobs,
        bulk_seconds=settings.retention.bulk,
        parked_seconds=settings.retention.parked,
        parked_rows=settings.retention.parked_rows,
        keys_seconds=settings.retention.idempotency,
        nodes_seconds=DEAD_NODES_KEPT_SECONDS,
    )
    duties: dict[str, _Duty] = {
        "reap": Reap(stores.reaping, due),
        "reconcile": Reconcile(stores.overdue, due),
        "end_overdue": EndOverdue(stores.overdue, due, uniform=random.random),
        "expire": Expire(stores.overdue),
        "fold_counts": FoldCounts(stores.counts),
        "make_partitions": MakePartitions(stores.partitions),
        "retain": Retain(
            stores.partitions, stores.parked, stores.reaping, stores.deletion, stores.bulks, keep
        ),
        "take_back_paused": TakeBackPaused(stores.types),
        "run_bulk_actions": RunBulkActions(
            stores.chunks, due, chunk=settings.bulk.chunk, rounds=settings.bulk.locked_rounds
        ),
    }
    return [
        Periodic(name, duty.run_once, every_seconds=duty.EVERY_SECONDS)
        for name, duty in duties.items()
    ]


def make_metrics(
    stores: Stores, operations: Operations, duties: Sequence[Periodic] = ()
) -> JobServiceMetrics:
    """What this process tells of itself."""
    told = JobServiceMetrics(stores.database, duties, version=probes.product_version())
    told.of_attempts(operations.claims, operations.leases, operations.reports)
    return told


def make_app(
    stores: Stores,
    operations: Operations,
    limits: Limits | None = None,
    told: JobServiceMetrics | None = None,
    page: Callable[[], Awaitable[bytes]] | None = None,
) -> FastAPI:
    """The HTTP application. `limits`: the defaults unless given. `told`: what is told of this process, with its
    duties; `page`: of all processes, where it is one of several."""
    version = probes.product_version()
    app = documents.make_app(
        "Punctual job service", version, "Jobs: create, read and change them. See docs/api.md."
    )
    problems.install(app)
    told = told or make_metrics(stores, operations)
    ready = partial(database_problem, stores.database)
    app.include_router(probes.routes(ready, page or told.metrics.render))
    routers = [
        list_jobs.routes(stores.listing),
        why.routes(operations.explain),
        create_jobs.routes(operations.create, operations.rerun, operations.types.check_all),
        read_jobs.routes(stores.jobs, stores.progress),
        change_jobs.routes(operations.change, operations.delete, stores.jobs),
        dead_letters.routes(stores.letters),
        bulk_actions.routes(operations.bulk, stores.bulks, stores.jobs),
        parked.routes(stores.parked),
        nodes.routes(stores.nodes, operations.drain),
        job_types.routes(operations.pauses, stores.types),
        internal.session_routes(operations.sessions, operations.cancels),
        internal.attempt_routes(
            operations.claims,
            operations.leases,
            operations.releases,
            operations.reports,
            stores.parked,
            stores.progress,
            stores.jobs,
        ),
        internal_events.routes(operations.events),
    ]
    for router in routers:
        app.include_router(router)
    limits = limits or Limits()
    app.add_middleware(HotRoutes, routes=[route for router in routers for route in router.routes])
    app.add_middleware(Admission, limits=limits)
    app.add_middleware(BodyLimit, limits=limits)
    app.add_middleware(told.metrics.timed)
    return app


async def serve(settings: JobServiceSettings, member: Member | None = None) -> None:
    """Run job_service until it is asked to stop. `member`: as one of several processes."""
    stop = Stop()
    if member is None:
        stop.listen()
    else:
        stop.listen_as_child(member.lifeline)
    stores = make_stores(settings)
    notifier = Notifier(settings.database.url, connect_timeout=settings.database.connect_timeout)
    bells = Bells(
        due=Doorbell(partial(notifier.rang, "punctual_due")),
        cancels=Doorbell(partial(notifier.rang, "punctual_cancels"), everyone=True),
    )
    notifier.carry({"punctual_due": bells.due, "punctual_cancels": bells.cancels})
    operations = make_operations(settings, stores, bells)
    bells.due.on_rung = operations.events.stir
    duties = make_duties(settings, stores, bells.due)
    told = make_metrics(stores, operations, duties)
    of_all = None if member is None else told.of_all(member)
    app = make_app(stores, operations, settings.limits, told, of_all.page if of_all else None)
    address = settings.job_service
    port = address.port if member is None else member.port
    server = HttpServer(app, host=address.host, port=port, shared=member is not None)
    await server.start()
    if of_all is not None:
        await of_all.start()
    try:
        async with asyncio.TaskGroup() as group:
            running = [group.create_task(notifier.run())]
            running += [group.create_task(duty.run(), name=duty.name) for duty in duties]
            types = Periodic(
                "read_types", operations.types.run_once, every_seconds=READ_EVERY_SECONDS
            )
            running.append(group.create_task(types.run(), name=types.name))
            await stop.wait()
            bells.due.close()
            bells.cancels.close()
            operations.events.close()
            await server.stop()
            if of_all is not None:
                of_all.stop()
            for task in running:
                task.cancel()
    finally:
        await stores.database.close()
