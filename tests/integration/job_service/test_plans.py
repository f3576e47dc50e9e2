"""What statements cost follows their answer, and not the size of the tables (Show 10 of the core's issue).

A million pending jobs, a tenth as many settled ones. The operations and duties run as they do in production,
and PostgreSQL itself tells by which plan each of their statements ran. Statistics are either those of a young
system (`due` was empty when it was last looked at) or current ones; prepared plans are either chosen as ever,
over enough rounds for PostgreSQL to settle on one, or generic from the first.
"""

import importlib
import pkgutil
from collections import Counter, defaultdict
from collections.abc import Iterator
from uuid import UUID

import asyncpg
import pytest

from job_service import postgres
from job_service.domain.wanted import Change, Wanted
from job_service.postgres import claims, counts, parked, partitions, reaping
from job_service.postgres.partitions import Partitions
from shared.contracts.claims import Claimed, ClaimRequest, Published
from shared.contracts.leases import Decision, DeclineReason, Lease, LeaseItem, LeaseRequest
from shared.contracts.nodes import AskCancels, Position, Renew
from shared.contracts.states import JobStatus, Outcome
from shared.kernel.ids import new_id
from shared.runtime.settings import LeaseTimes
from tests.support.databases import fresh_database, run_coroutine
from tests.support.job_service import (
    Service,
    end_of,
    new_job,
    open_service,
    seconds_from_now,
    start_of,
)
from tests.support.million_jobs import RUN_TYPES, load
from tests.support.plans import Plan, PlanLog

PENDING, SETTLED = 1_000_000, 100_000
ELSEWHERE = 400
"""Attempts that are leased by another worker, and as many that are claimed by another scheduler, all the
while; only the capacity is computed from them."""

ROUNDS = 7
"""PostgreSQL chooses between a generic and a custom plan at the sixth execution."""

BATCH = 20
ROWS_EACH, ROWS_MORE = 25, 200
PAGES_EACH, PAGES_MORE = 45, 300
"""What a statement may look at for each job of its answer, and besides. One walk through `due` by an index is
1,000,000 rows, or 5,000 pages for those that fit nothing."""

NOT_JUDGED = {
    parked.PARK: "knows no jobs",
    parked.EXPIRE: "knows no jobs",
    parked.OVER_CAP: "knows no jobs",
    partitions.EXISTING: "reads the catalogue",
    partitions.TODAY: "reads the clock",
    partitions.RECENT: "retention reads a day, each ten minutes",
    partitions.DELETE_SETTLED: "retention reads a day, each ten minutes",
}


def statements() -> dict[str, str]:
    """Every SQL statement of job_service.postgres, with its name."""
    found: dict[str, str] = {}
    for info in pkgutil.iter_modules(postgres.__path__):
        module = importlib.import_module(f"{postgres.__name__}.{info.name}")
        for name, value in vars(module).items():
            verb = value.split(maxsplit=1)[:1] if isinstance(value, str) else []
            if (
                name.isupper()
                and verb
                and verb[0] in {"SELECT", "WITH", "INSERT", "UPDATE", "DELETE"}
            ):
                found.setdefault(value, f"{info.name}.{name}")
    return found


@pytest.fixture(scope="module")
def crowded(postgres_url: str, migrated_template: str) -> Iterator[str]:
    """A database full of jobs, with the statistics of a young system. Loaded once, in some 20 s."""
    with fresh_database(postgres_url, template=migrated_template) as url:
        run_coroutine(_load(url))
        yield url


async def _load(url: str) -> None:
    async with open_service(url) as service:
        raw = await asyncpg.connect(url)
        try:
            await load(raw, service.stores.database, pending=PENDING, settled=SETTLED)
        finally:
            await raw.close()


@pytest.fixture(scope="module", params=["young", "current"])
def database(crowded: str, request: pytest.FixtureRequest) -> str:
    """The same database, with young statistics first and with current ones for the tests after."""
    if request.param == "current":
        run_coroutine(_analyze(crowded))
    return crowded


async def _analyze(url: str) -> None:
    raw = await asyncpg.connect(url)
    try:
        await raw.execute("ANALYZE")
    finally:
        await raw.close()


class Judge:
    """Sets what each statement looked at against its answer."""

    def __init__(self, log: PlanLog) -> None:
        self._log = log
        self._names = statements()
        self.seen: Counter[str] = Counter()
        self.verdicts: dict[str, list[str]] = defaultdict(list)

    def __call__(self, answer: int, *, of: dict[str, int] | None = None) -> None:
        """Judge all that ran since the last call. `answer`: jobs asked about or changed; `of`: the same for
        single statements."""
        for plan in self._log.take():
            name = self._names.get(plan.statement)
            if name is not None:
                self.seen[plan.statement] += 1
                self._one(name, plan, (of or {}).get(plan.statement, answer))

    def _one(self, name: str, plan: Plan, answer: int) -> None:
        rows = ROWS_MORE + ROWS_EACH * answer
        pages = PAGES_MORE + PAGES_EACH * answer
        if plan.rows > rows or plan.buffers > pages:
            self.verdicts[name].append(
                f"{name} answers {answer}, looked at {plan.rows:g} rows (at most {rows}) and "
                f"{plan.buffers} pages (at most {pages}):\n{plan.outline()}"
            )
        for scan in plan.scans:
            big = scan.relation.startswith(("jobs", "due", "job_history", "executions"))
            if big and scan.kind == "Seq Scan" and scan.rows > 5:
                self.verdicts[name].append(
                    f"{name} walks through {scan.relation}:\n{plan.outline()}"
                )


@pytest.mark.parametrize("plan_cache_mode", ["auto", "force_generic_plan"])
async def test_every_statement_looks_at_no_more_than_its_answer(
    database: str, plan_cache_mode: str
) -> None:
    log = PlanLog()
    raw = await asyncpg.connect(database)
    await log.switch_on(raw, plan_cache_mode=plan_cache_mode)
    await raw.close()
    async with open_service(database, lease=LeaseTimes(ttl=300, scheduler_ttl=300)) as service:
        await log.listen(service.stores.database)
        judge = Judge(log)
        day = Day(service, judge)
        await day.begin()
        for _ in range(ROUNDS):
            await day.happy_path()
            await day.detours()
            await day.deaths()
            await day.duties()
            await day.clients()
    assert not judge.verdicts, "\n\n".join(found[0] for found in judge.verdicts.values())
    missing = statements().keys() - NOT_JUDGED.keys() - judge.seen.keys()
    assert not missing, f"never ran here: {sorted(statements()[text] for text in missing)}"
    hot = {claims.CLAIM, claims.CAPACITY, counts.COUNTS, counts.FOLD, reaping.HELD_BY_DEAD}
    assert all(judge.seen[text] >= ROUNDS for text in hot)


class Day:
    """Drives everything that job_service does, a batch of each kind of work in a round."""

    def __init__(self, service: Service, judge: Judge) -> None:
        self._service = service
        self._judge = judge
        self._seq = 0
        self._published: list[Published] = []

    async def begin(self) -> None:
        """Register; leave some attempts with another worker and another scheduler."""
        self._scheduler = await self._service.scheduler()
        self._worker = await self._new_worker()
        other = await self._new_worker()
        for _ in range(ELSEWHERE // 100):
            await self._service.lease(other, await self._claim(50))
            await self._claim(50)
        await self._new_scheduler()
        await self._service.end_amnesty()
        self._judge(ELSEWHERE)

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
        """Decline, release, and claims that are sent again."""
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

    async def deaths(self) -> None:
        """A worker and a scheduler leave holding a batch, one more falls silent; an idle reaper."""
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
        armed = (await service.reap())["armed"]
        assert armed >= len(claimed)
        self._judge(armed)
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
        await service.stores.counts.by_state()
        await service.duty("fold_counts")
        await service.duty("fold_counts")
        self._judge(folded)

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
        assert await service.stores.jobs.executions_before(new_id(), 1)
        self._judge(1)
        await service.stores.nodes.list()
        self._judge(0)
        await self._unsettled(service.stores.partitions)

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
        """The duties look at these attempts in their next round."""
        await self._service.raw.execute(
            "UPDATE inflight SET look_at = clock_timestamp() WHERE job_id = ANY ($1)", ids
        )
