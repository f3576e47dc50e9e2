"""job_service in a test: its real stores, operations and duties on a real database, cranked by hand.

Time is not waited for: `pass_time`, `expire_node` and `end_amnesty` shift what is stored. An interleaving is
made with a second connection that holds a lock (`connect`), or with work inside a transaction that is still
open (`inside`); `until_blocked` says when the other side waits for it.
"""

import json
from collections.abc import AsyncIterator, Iterable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import Any, Protocol
from uuid import UUID

import asyncpg

from job_service.app import Operations, make_duties, make_operations
from job_service.domain.job import Job, NewJob
from job_service.domain.priority import band_of
from job_service.operations.change_by_client import Bells
from job_service.operations.doorbell import Doorbell
from job_service.postgres.database import Database, Raw
from job_service.settings import JobServiceSettings
from job_service.stores import Stores, make_stores
from shared.contracts.claims import Claimed, ClaimReply, ClaimRequest
from shared.contracts.leases import Lease, LeaseItem, LeaseReply, LeaseRequest, ReleaseRequest
from shared.contracts.nodes import AttemptRef, DeclaredType, RegisterNode
from shared.contracts.reports import End, EndAnswer, ReportReply, ReportRequest, Start
from shared.contracts.states import NodeRole, Outcome
from shared.kernel.ids import new_id
from shared.runtime.periodic import Periodic
from shared.runtime.settings import Claim
from shared.runtime.settings import Database as DatabaseSettings
from tests.support.one_connection import OneConnection
from tests.support.rewinding import rewind
from tests.support.waiting import until

CALL_LIMIT_SECONDS = 10.0
LOOKAHEAD_SECONDS = 60.0
"""How far ahead the service of a test claims, so that a slow machine makes no held job due."""
AHEAD = 30.0
"""`in_seconds` of a job that is claimed ahead of its due time, and then held."""
DUMMY = "DUMMY"
"""The job type of `new_job` and of `Service.worker` unless they are told another."""


class Attempt(Protocol):
    """Whatever names one attempt: a claim, a lease, an AttemptRef."""

    @property
    def job_id(self) -> UUID: ...
    @property
    def attempt(self) -> int: ...


def new_job(*, in_seconds: float | None = None, priority: int = 0, **fields: Any) -> NewJob:
    """A DUMMY job due now, or `in_seconds` from now; any other field of NewJob by name."""
    given = {
        "id": new_id(),
        "name": "a job",
        "job_type": DUMMY,
        "payload": '{"n": 1}',
        "scheduled_time": None if in_seconds is None else seconds_from_now(in_seconds),
        "priority": priority,
        "band": band_of(priority),
        "max_attempts": 3,
        "timeout_seconds": None,
        "expires_at": None,
        "ordering_key": None,
        "labels": "{}",
        "traceparent": None,
    }
    return NewJob(**{**given, **fields})


def seconds_from_now(seconds: float) -> datetime:
    """This machine's clock, which is the database's too."""
    return datetime.now(UTC) + timedelta(seconds=seconds)


def ref(of: Attempt, attempt: int | None = None) -> AttemptRef:
    """The attempt, or another attempt of the same job."""
    return AttemptRef(job_id=of.job_id, attempt=attempt or of.attempt)


def start_of(of: Attempt) -> Start:
    """A report that a held attempt began now."""
    return Start(job_id=of.job_id, attempt=of.attempt, started_at=seconds_from_now(0))


def end_of(of: Attempt, outcome: Outcome = Outcome.SUCCESS, **fields: Any) -> End:
    """A report that an attempt ended now; further fields of End by name."""
    now = seconds_from_now(0)
    given = {"outcome": outcome, "started_at": now, "ended_at": now}
    return End(job_id=of.job_id, attempt=of.attempt, **{**given, **fields})


@dataclass(frozen=True)
class Service:
    """One replica of job_service. `raw` is a connection of the test's own, autocommit."""

    url: str
    settings: JobServiceSettings
    stores: Stores
    operations: Operations
    bells: Bells
    duties: dict[str, Periodic]
    raw: Raw
    _connections: list[Raw]
    _seqs: dict[UUID, int] = field(default_factory=dict)

    # --- nodes

    async def worker(
        self,
        *,
        slots: int = 100,
        hold_slots: int = 100,
        types: Sequence[str] = (DUMMY,),
        timeout_seconds: float = 60.0,
        **declares: Any,
    ) -> UUID:
        """Register a worker; further fields of its declared types by name."""
        declared = [
            DeclaredType(name=name, timeout_seconds=timeout_seconds, **declares) for name in types
        ]
        node = RegisterNode(
            node=new_id(),
            role=NodeRole.WORKER,
            address="test",
            version="1",
            slots=slots,
            hold_slots=hold_slots,
            types=declared,
        )
        assert (await self.operations.sessions.register(node)).live
        return node.node

    async def scheduler(self) -> UUID:
        """Register a scheduler."""
        node = RegisterNode(node=new_id(), role=NodeRole.SCHEDULER, address="test", version="1")
        assert (await self.operations.sessions.register(node)).live
        return node.node

    async def expire_node(self, node: UUID) -> None:
        """Its session ended a minute ago; the reaper has not looked yet."""
        await self.raw.execute(
            "UPDATE nodes SET expires_at = clock_timestamp() - interval '1 minute' WHERE id = $1",
            node,
        )

    async def is_live(self, node: UUID) -> bool:
        """As the database has it."""
        return bool(await self.raw.fetchval("SELECT state = 'live' FROM nodes WHERE id = $1", node))

    # --- jobs

    async def create(self, count: int = 1, **fields: Any) -> list[Job]:
        """Create jobs, each as `new_job(**fields)`."""
        answers = await self.operations.create.create([new_job(**fields) for _ in range(count)])
        jobs = [answer[0] for answer in answers if isinstance(answer, tuple)]
        assert len(jobs) == count
        return jobs

    async def create_one(self, **fields: Any) -> Job:
        """Create one job."""
        return (await self.create(1, **fields))[0]

    async def job(self, job_id: UUID) -> Job:
        """The job as it is."""
        job = await self.stores.jobs.get(job_id)
        assert job is not None
        return job

    async def history(self, job_id: UUID) -> list[tuple[int, str | None, str, str]]:
        """(version, from, to, reason), oldest first."""
        rows = await self.stores.jobs.history_of(job_id)
        return [(r["version"], r["from_status"], r["to_status"], r["reason"]) for r in rows]

    async def row(self, table: str, job_id: UUID) -> asyncpg.Record | None:
        """The job's row in a narrow table."""
        return await self.raw.fetchrow(f"SELECT * FROM {table} WHERE job_id = $1", job_id)

    # --- the protocol

    async def claim_reply(
        self,
        scheduler: UUID,
        *,
        seq: int | None = None,
        acked: int | None = None,
        limit: int = 100,
        wait_seconds: float = 0.0,
    ) -> ClaimReply:
        """Claim with the next sequence number, all before it acknowledged; or as told."""
        seq = seq or self._seqs.get(scheduler, 0) + 1
        self._seqs[scheduler] = max(seq, self._seqs.get(scheduler, 0))
        return await self.operations.claims.claim(
            ClaimRequest(
                node=scheduler,
                seq=seq,
                acked=seq - 1 if acked is None else acked,
                limit=limit,
                wait_seconds=wait_seconds,
            )
        )

    async def claim(self, scheduler: UUID, **how: Any) -> list[Claimed]:
        """The jobs of `claim_reply`."""
        return (await self.claim_reply(scheduler, **how)).jobs

    async def lease_reply(self, worker: UUID, attempts: Iterable[Attempt]) -> LeaseReply:
        """Ask for attempts."""
        items = [LeaseItem(job_id=a.job_id, attempt=a.attempt) for a in attempts]
        return await self.operations.leases.lease(LeaseRequest(node=worker, items=items))

    async def lease(self, worker: UUID, attempts: Iterable[Attempt]) -> list[Lease]:
        """Ask for attempts; the answers in the order asked."""
        return (await self.lease_reply(worker, attempts)).leases

    async def release(
        self, worker: UUID, attempts: Iterable[Attempt], reason: str = "released"
    ) -> list[AttemptRef]:
        """Give attempts back; those that the worker held."""
        request = ReleaseRequest(node=worker, items=[ref(a) for a in attempts], reason=reason)
        return (await self.operations.releases.release(request)).released

    async def report(
        self, worker: UUID, *, starts: Sequence[Start] = (), ends: Sequence[End] = ()
    ) -> ReportReply:
        """Report starts and ends."""
        return await self.operations.reports.report(
            ReportRequest(node=worker, starts=list(starts), ends=list(ends))
        )

    async def start(self, worker: UUID, of: Attempt) -> None:
        """Report that a held attempt began."""
        await self.report(worker, starts=[start_of(of)])

    async def finish(
        self, worker: UUID, of: Attempt, outcome: Outcome = Outcome.SUCCESS, **fields: Any
    ) -> EndAnswer:
        """Report the end of an attempt."""
        return (await self.report(worker, ends=[end_of(of, outcome, **fields)])).ends[0]

    async def leased(
        self, scheduler: UUID, worker: UUID, count: int = 1, **fields: Any
    ) -> list[Lease]:
        """Create, claim and lease jobs: RUNNING, or held if they are not due yet."""
        await self.create(count, **fields)
        claimed = await self.claim(scheduler)
        assert len(claimed) == count
        return await self.lease(worker, claimed)

    async def leased_one(self, scheduler: UUID, worker: UUID, **fields: Any) -> Lease:
        """Create, claim and lease one job."""
        return (await self.leased(scheduler, worker, 1, **fields))[0]

    # --- duties and time

    async def duty(self, name: str) -> dict[str, int]:
        """One round of a duty; its counts."""
        return dict(await self.duties[name].run_once())

    async def end_amnesty(self) -> None:
        """The reaper has ticked just now, and no amnesty is in force."""
        await self.raw.execute(
            """INSERT INTO reaper_tick (ticked_at, timeline, suspended_until)
               VALUES (clock_timestamp(), substr(pg_walfile_name(pg_current_wal_lsn()), 1, 8),
                       clock_timestamp() - interval '1 second')
               ON CONFLICT (the_one) DO UPDATE
               SET ticked_at = excluded.ticked_at, timeline = excluded.timeline,
                   suspended_until = excluded.suspended_until"""
        )

    async def reap(self) -> dict[str, int]:
        """One round of the reaper, outside any amnesty."""
        await self.end_amnesty()
        return await self.duty("reap")

    async def kill(self, node: UUID) -> dict[str, int]:
        """The node falls silent and is reaped, in one round."""
        await self.expire_node(node)
        return await self.reap()

    async def pass_time(self, job_id: UUID, seconds: float) -> None:
        """As if everything of this job had happened, and were due, that much earlier."""
        await rewind(self.raw, job_id, seconds)

    # --- interleavings

    async def connect(self) -> Raw:
        """A further connection, closed at the end of the test."""
        raw = await _connect(self.url)
        self._connections.append(raw)
        return raw

    def inside(self, raw: Raw) -> "Service":
        """The same service with all its work on this connection: in a transaction that the test has opened
        there it holds its locks, and shows nothing to others, until the test commits:

            other = await service.connect()
            async with other.transaction():
                await service.inside(other).lease(worker, claimed)
                cancelling = asyncio.create_task(service.operations.change.cancel(job_id))
                await service.until_blocked()
            await cancelling
        """
        stores = make_stores(self.settings)
        for store in vars(stores).values():
            if not isinstance(store, Database):
                store._database = OneConnection(raw)
        duties = make_duties(self.settings, stores, self.bells.due)
        return replace(
            self,
            stores=stores,
            operations=make_operations(self.settings, stores, self.bells),
            duties={duty.name: duty for duty in duties},
        )

    def within(self, raw: Raw) -> Operations:
        """The operations of `inside(raw)`."""
        return self.inside(raw).operations

    async def until_blocked(self, count: int = 1) -> None:
        """Wait until that many statements, here or on another replica, wait for a lock of somebody."""

        async def waiting() -> bool:
            return bool(await self.raw.fetchval(_WAITING_FOR_A_LOCK) >= count)

        blocked: bool = await until(waiting, within=3.0, what=f"{count} wait for a lock")
        assert blocked


_WAITING_FOR_A_LOCK = """
SELECT count(*) FROM pg_stat_activity
WHERE datname = current_database() AND wait_event_type = 'Lock'
"""


@asynccontextmanager
async def open_service(
    url: str, *, pool_size: int = 10, patience: float | None = None, **sections: Any
) -> AsyncIterator[Service]:
    """A replica of job_service on that database; further sections of its settings by name. With `patience` a
    statement may wait so many seconds for a lock.
    """
    given = {"claim": Claim(lookahead=LOOKAHEAD_SECONDS), **sections}
    database = DatabaseSettings(url=url, pool_size=pool_size)
    if patience is not None:
        waits = {"lock_timeout": patience, "statement_timeout": patience}
        database = database.model_copy(update=waits)
    settings = JobServiceSettings(database=database, **given)
    stores = make_stores(settings)
    bells = Bells(due=Doorbell(), cancels=Doorbell())
    connections = [await _connect(url)]
    try:
        yield Service(
            url=url,
            settings=settings,
            stores=stores,
            operations=make_operations(settings, stores, bells),
            bells=bells,
            duties={duty.name: duty for duty in make_duties(settings, stores, bells.due)},
            raw=connections[0],
            _connections=connections,
        )
    finally:
        for connection in connections:
            connection.terminate()
        await stores.database.close()


async def _connect(url: str) -> Raw:
    raw = await asyncpg.connect(url, timeout=CALL_LIMIT_SECONDS, command_timeout=CALL_LIMIT_SECONDS)
    for name in ("json", "jsonb"):
        await raw.set_type_codec(name, schema="pg_catalog", encoder=json.dumps, decoder=json.loads)
    return raw
