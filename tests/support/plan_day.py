"""A day of job_service, with some of everything that it does, for `test_plans.py` to judge."""

from contextlib import suppress
from datetime import UTC, datetime
from uuid import UUID

from job_service.domain.credits import Credits
from job_service.domain.listed import Wish
from job_service.domain.wanted import Change, Wanted
from job_service.operations.outcomes import Busy, Locked
from job_service.postgres import claims
from job_service.postgres.busy import naming_busy
from job_service.postgres.gauges import GAUGES, Gauges
from job_service.postgres.job_types import CLAIMED_OF_PAUSED
from job_service.postgres.listing import READY_TO_RUN
from job_service.postgres.partitions import Partitions
from shared.contracts.claims import Claimed, ClaimRequest, Published
from shared.contracts.events import EventsRequest, FeedEvent
from shared.contracts.leases import Decision, DeclineReason, Lease, LeaseItem, LeaseRequest
from shared.contracts.nodes import AskCancels, Position, Renew
from shared.contracts.progress import AttemptTells, Line
from shared.contracts.states import JobStatus, Outcome
from shared.kernel.ids import new_id
from tests.support.job_service import (
    Service,
    end_of,
    new_job,
    seconds_from_now,
    start_of,
)
from tests.support.million_jobs import RUN_TYPES
from tests.support.plan_letters import Judge, LettersOfADay

ELSEWHERE = 400
"""Attempts that are leased by another worker, and as many that are claimed by another scheduler, all the
while; only the capacity is computed from them."""

BATCH = 20

LONG_LINE = "a key with a long line"
LINE, LINE_BATCH = 10_000, 1_000
KEYED = "KEYED"

SAID = Line(at=datetime(2026, 1, 1, tzinfo=UTC), level="info", text="half done")
LOCK_ONE = "SELECT FROM jobs WHERE id = $1 FOR UPDATE"


class Day:
    """Drives everything that job_service does, a batch of each kind of work in a round."""

    def __init__(self, service: Service, judge: Judge) -> None:
        self._service = service
        self._judge = judge
        self._seq = 0
        self._published: list[Published] = []

    async def begin(self) -> None:
        """Register; leave some attempts with another worker and another scheduler."""
        self._stranger = await self._service.connect()
        self._scheduler = await self._service.scheduler()
        self._worker = await self._new_worker()
        await self._service.worker(slots=1_000, hold_slots=1_000, types=[KEYED])
        self._letters = LettersOfADay(self._service, self._judge)
        await self._letters.begin()
        other = await self._new_worker()
        for _ in range(ELSEWHERE // 100):
            await self._service.lease(other, await self._claim(50))
            await self._claim(50)
        await self._new_scheduler()
        await self._service.end_amnesty()
        self._judge(ELSEWHERE)
        for _ in range(LINE // LINE_BATCH):
            line = [new_job(ordering_key=LONG_LINE, in_seconds=9_000) for _ in range(LINE_BATCH)]
            await self._service.operations.create.create(line)
            self._judge(LINE_BATCH)

    async def happy_path(self) -> None:
        """Create, claim, lease, compare, report; and every repeat of these."""
        service, judge = self._service, self._judge
        keyed = [new_job(idempotency_key=str(n), body_hash=b"") for n in (new_id(), new_id())]
        jobs = [new_job() for _ in range(BATCH)] + keyed
        await service.operations.create.create(jobs)
        await service.operations.create.create(
            [new_job(idempotency_key=j.idempotency_key, body_hash=b"") for j in keyed]
        )
        judge(len(jobs))
        claimed = await self._claim()
        assert len(claimed) > BATCH, "both what is due and what is ahead was claimed"
        leases = await self._lease(self._worker, claimed)
        assert {lease.running for lease in leases} == {True, False}
        await service.lease(self._worker, claimed)
        judge(len(claimed))
        await self._session(len(leases))
        starts = [start_of(lease) for lease in leases if not lease.running]
        ends = [end_of(lease) for lease in leases]
        await service.report(self._worker, starts=starts, ends=ends)
        judge(len(ends))
        await service.report(self._worker, ends=ends)
        late = [end_of(lease, Outcome.FAILED, error="late") for lease in leases]
        await service.report(self._worker, ends=late)
        judge(len(ends))

    async def _session(self, holds: int) -> None:
        sessions = self._service.operations.sessions
        assert len((await sessions.compare(self._worker)).holds) == holds
        position = Position(topic_partition=0, committed=1, end=2)
        await sessions.renew(self._worker, Renew(slots=1_000, positions=[position]))
        await self._service.operations.cancels.ask(self._worker, AskCancels(wait_seconds=0))
        self._judge(holds)

    async def detours(self) -> None:
        """Decline, release, claims that are sent again, and a look at who is locked."""
        service = self._service
        claimed = await self._claim()
        items = [
            LeaseItem(job_id=c.job_id, attempt=c.attempt, decline=DeclineReason.NO_SLOT)
            for c in claimed
        ]
        await service.operations.leases.lease(LeaseRequest(node=self._worker, items=items))
        self._judge(len(items))
        claimed = await self._claim()
        again = await self._claim(acked=self._seq - 1)
        assert {c.job_id for c in again} & {c.job_id for c in claimed}
        both = list({c.job_id: c for c in claimed + again}.values())
        await service.lease(self._worker, both)
        await service.release(self._worker, both)
        self._judge(len(both))
        with suppress(Busy):
            await naming_busy(service.stores.database, [c.job_id for c in both], _locked)
        self._judge(len(both))

    async def deaths(self) -> None:
        """A worker and a scheduler leave holding a batch, one more falls silent; an idle reaper. Of the
        scheduler's jobs a stranger keeps one locked for a while."""
        service = self._service
        doomed = await self._new_worker()
        leases = await self._lease(doomed, await self._claim())
        await service.operations.sessions.leave(doomed)
        self._judge(len(leases))
        await service.expire_node(await self._new_worker())
        counted = await service.reap()
        assert counted["dead"] == 1
        assert counted["taken"] == len(leases)
        self._judge(len(leases))
        claimed = await self._claim()
        await service.operations.sessions.leave(self._scheduler)
        async with self._stranger.transaction():
            await self._stranger.execute(LOCK_ONE, claimed[0].job_id)
            armed = (await service.reap())["armed"]
        assert armed >= len(claimed) - 1
        self._judge(armed)
        assert (await service.reap())["armed"] == 1
        self._judge(1)
        await self._new_scheduler()
        idle = await service.reap()
        assert not any(idle[what] for what in ("dead", "taken", "armed"))
        self._judge(0)

    async def duties(self) -> None:
        """Reconcile, deadlines, expiry and counts: each with a batch to do, and each idle."""
        service = self._service
        claimed = await self._claim(published=True)
        leases = await self._lease(self._worker, await self._claim())
        expired = await service.create(BATCH, in_seconds=9_000, expires_at=seconds_from_now(-1))
        await service.operations.sessions.renew(
            self._worker,
            Renew(slots=1_000, positions=[Position(topic_partition=0, committed=1, end=2)]),
        )
        await self._look_now([c.job_id for c in claimed] + [x.job_id for x in leases])
        self._judge(len(claimed) + len(leases) + len(expired))
        looked = await service.duty("reconcile")
        assert looked["looked"] > looked["armed"] > 0
        self._judge(looked["looked"])
        ended = (await service.duty("end_overdue"))["ended"]
        assert ended >= len(leases)
        self._judge(ended)
        done = (await service.duty("expire"))["expired"]
        assert done >= len(expired)
        self._judge(done)
        for name in ("reconcile", "end_overdue", "expire", "retain"):
            self._judge((await service.duty(name)).get("looked", 0))
        folded = await service.raw.fetchval("SELECT count(*) FROM job_count_deltas")
        in_flight = await service.raw.fetchval("SELECT count(*) FROM inflight")
        await Gauges(service.stores.database).read()
        await service.duty("fold_counts")
        await service.duty("fold_counts")
        self._judge(folded, of={GAUGES: in_flight})

    async def clients(self) -> None:
        """What a client may do to one job, and what it may read."""
        service, change = self._service, self._service.operations.change
        leases = await self._lease(self._worker, await self._claim(limit=1))
        await change.cancel(leases[0].job_id)
        assert (
            await service.operations.cancels.ask(self._worker, AskCancels(wait_seconds=0))
        ).cancels
        self._judge(2 * BATCH)
        await service.report(self._worker, ends=[end_of(x, Outcome.CANCELLED) for x in leases])
        job = await service.create_one(in_seconds=9_000)
        await change.change(job.id, 0, Change(seconds_from_now(8_000), 90, 0, '{"a": "b"}'))
        await change.change(job.id, 1, Change(None, -90, 4, None))
        await change.schedule_now(job.id, None, [JobStatus.CREATED])
        _, token = await change.start_by_hand(job.id, None)
        await change.end_by_hand(job.id, None, JobStatus.FAILED, token)
        await change.cancel(job.id)
        await change.cancel((await service.create_one(in_seconds=9_000)).id)
        self._judge(1)
        await service.stores.changes.done_by(Wanted(job.id, None, new_id()))
        await service.stores.jobs.history_of(leases[0].job_id)
        (execution,) = await service.stores.jobs.executions_of(job.id)
        assert await service.stores.jobs.execution(execution["id"])
        told = [AttemptTells(job_id=x.job_id, attempt=x.attempt, lines=[SAID]) for x in leases]
        assert await service.stores.progress.tell(self._worker, told) == len(told)
        assert await service.stores.progress.log_of(leases[0].job_id)
        assert await service.stores.jobs.executions_before(new_id(), 1)
        self._judge(1)
        await service.stores.nodes.list(new_id(), 50)
        self._judge(0)
        await self._lists(job.id)
        await self._letters.round()
        await self._given_up(job.id)
        await self._unsettled(service.stores.partitions)

    async def pauses(self) -> None:
        """A type is paused while a batch of it is claimed; what lists and checks read of types."""
        service, types = self._service, self._service.stores.types
        await service.worker(types=["PAUSED"])
        await service.create(BATCH, job_type="PAUSED")
        self._judge(BATCH)
        self._seq += 1
        credit = Credits(due=BATCH, ahead=0, due_by_type={"PAUSED": BATCH}, ahead_by_type={})
        claimed = await service.stores.claims.claim(self._scheduler, self._seq, credit, first=True)
        assert len(claimed) == BATCH
        in_flight = await service.raw.fetchval("SELECT count(*) FROM inflight")
        await service.operations.pauses.pause("PAUSED")
        (lease,) = await service.lease(self._worker, claimed[:1])
        assert lease.decision is Decision.REFUSED
        self._judge(BATCH, of={CLAIMED_OF_PAUSED: in_flight})
        await service.duty("take_back_paused")
        self._judge(0, of={CLAIMED_OF_PAUSED: in_flight})
        await service.operations.pauses.resume("PAUSED")
        await service.duty("take_back_paused")
        await types.list("", 50)
        await types.schemas(list(await types.revisions()))
        self._judge(0)

    async def _given_up(self, cancelled: UUID) -> None:
        """Taken back, abandoned, deleted; and what is left of one that was deleted long ago."""
        service, change = self._service, self._service.operations.change
        job = await service.create_one(in_seconds=9_000)
        await change.schedule_now(job.id, None, [JobStatus.CREATED])
        await change.take_back(job.id, None)
        await change.schedule_now(job.id, None, [JobStatus.CREATED])
        _, token = await change.start_by_hand(job.id, None)
        await change.end_by_hand(job.id, None, JobStatus.FAILED, token)
        await change.abandon(job.id, None)
        for job_id in (cancelled, job.id):
            await service.operations.delete.delete(job_id)
        assert await service.stores.deletion.was_deleted(job.id)
        self._judge(1)
        await service.raw.execute(
            "UPDATE deleted_jobs SET deleted_at = now() - interval '45 days' WHERE job_id = $1",
            job.id,
        )
        assert await service.stores.deletion.forget(40 * 86_400.0, BATCH) == 1
        self._judge(1)

    async def _lists(self, job_id: UUID) -> None:
        listing = self._service.stores.listing
        for wish in (Wish(), Wish(statuses=frozenset({JobStatus.CREATED, JobStatus.FAILED}))):
            assert len((await listing.page(wish, below=None, limit=50)).jobs) == 50
        self._judge(50)
        self._judge(len(await listing.ready_to_schedule()))
        in_flight = await self._service.raw.fetchval("SELECT count(*) FROM inflight")
        await listing.ready_to_run()
        await self._service.operations.explain.explain(job_id)
        self._judge(1, of={claims.CAPACITY: in_flight, READY_TO_RUN: in_flight})

    async def keys(self) -> None:
        """Keys with two jobs each from their create to their end; and at the head of a long line one that comes
        before all others, and is cancelled again."""
        service = self._service
        keys = [str(new_id()) for _ in range(BATCH)]
        jobs = [
            new_job(ordering_key=key, job_type=KEYED, priority=100)
            for key in keys
            for _ in range(2)
        ]
        await service.operations.create.create(jobs)
        self._judge(len(jobs))
        for _ in range(2):
            self._seq += 1
            mine = Credits(BATCH, 0, {KEYED: BATCH}, {})
            heads = await service.stores.claims.claim(self._scheduler, self._seq, mine, first=True)
            assert len(heads) == BATCH
            leases = await self._lease(self._worker, heads)
            await service.report(self._worker, ends=[end_of(lease) for lease in leases])
            self._judge(BATCH)
        first = await service.create_one(ordering_key=LONG_LINE, in_seconds=8_000)
        await service.operations.change.cancel(first.id)
        self._judge(1)

    async def feed(self) -> None:
        """Two batches of events, versions below one of them, and another cluster's."""
        feed, asked = self._service.stores.feed, EventsRequest(node=self._scheduler, limit=BATCH)
        await self._service.raw.execute("UPDATE event_feed SET node = NULL")
        first = await self._service.operations.events.feed(asked)
        end = first.end
        assert end is not None
        again = asked.model_copy(update={"acked": end})
        second = await self._service.operations.events.feed(again)
        assert len(first.events) == len(second.events) == BATCH
        place = (end.xid, end.job_id, end.version)
        events = [FeedEvent.model_validate_json(event) for event in second.events]
        await feed.below({fed.event.job_id: 2 for fed in events}, place)
        await feed.left_over(place, BATCH)
        await feed.adopt("another", start_over=True)
        self._judge(BATCH)

    async def _unsettled(self, stored: Partitions) -> None:
        for day in await stored.days("job_history"):
            await stored.has_unsettled(day)
        self._judge(1)

    async def _new_scheduler(self) -> None:
        self._scheduler = await self._service.scheduler()
        self._seq, self._published = 0, []

    async def _new_worker(self) -> UUID:
        return await self._service.worker(slots=1_000, hold_slots=1_000, types=RUN_TYPES)

    async def _claim(
        self, limit: int = BATCH, *, acked: int | None = None, published: bool = False
    ) -> list[Claimed]:
        """Claim, telling where the records of the claim before landed; judged by what comes."""
        in_flight = await self._service.raw.fetchval("SELECT count(*) FROM inflight")
        self._seq += 1
        request = ClaimRequest(
            node=self._scheduler,
            seq=self._seq,
            acked=self._seq - 1 if acked is None else acked,
            limit=limit,
            published=self._published,
        )
        jobs = (await self._service.operations.claims.claim(request)).jobs
        self._judge(len(jobs) + len(self._published), of={claims.CAPACITY: in_flight})
        self._published = []
        if published:
            self._published = [
                Published(
                    job_id=j.job_id, attempt=j.attempt, topic_partition=0, record_offset=n % 2
                )
                for n, j in enumerate(jobs)
            ]
        return jobs

    async def _lease(self, worker: UUID, claimed: list[Claimed]) -> list[Lease]:
        """Those that were granted: of the jobs that were lost with their worker some are suspects by now."""
        leases = await self._service.lease(worker, claimed)
        return [lease for lease in leases if lease.decision is Decision.GRANTED]

    async def _look_now(self, ids: list[UUID]) -> None:
        """The duties look at these attempts in their next round, and at no others: what was left a minute ago,
        on a slow machine, would be looked at first."""
        await self._service.raw.execute(
            "UPDATE inflight SET look_at = clock_timestamp() + interval '1 hour'"
        )
        await self._service.raw.execute(
            "UPDATE inflight SET look_at = clock_timestamp() WHERE job_id = ANY ($1)", ids
        )


async def _locked() -> None:
    raise Locked("as if somebody kept a job locked")
