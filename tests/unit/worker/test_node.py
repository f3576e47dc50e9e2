"""The node: comparison, death, drain."""

import asyncio
from typing import TYPE_CHECKING, Any, cast
from uuid import UUID

from shared.contracts.nodes import Holdings, Registered, RegisterNode
from shared.contracts.states import NodeRole
from shared.kernel.ids import new_id
from shared.runtime.settings import JobServiceAddress
from tests.unit.shared.hand_clock import NOON, HandClock
from tests.unit.worker.engine_bench import a_type, quick, running, soon
from tests.unit.worker.fake_job_service import FakeJobService
from tests.unit.worker.test_run import Deaf, polite, sleepy
from worker_service.clients.job_service import JobServiceClient
from worker_service.domain.attempts import AttemptTable
from worker_service.domain.execution_log import ExecutionLog
from worker_service.domain.node import Membership
from worker_service.handler_api import Context
from worker_service.operations.keep_node import KeepNode

if TYPE_CHECKING:
    from shared.runtime.session import Renewer
    from worker_service.operations.ports import JobService
    from worker_service.operations.run_attempts import RunAttempts

QUICK = a_type("QUICK", quick)
SLEEPY = a_type("SLEEPY", sleepy)


async def test_a_comparison_stops_what_is_not_ours_any_more(service: FakeJobService) -> None:
    """R2: what was held before the question and is not named is stopped, and nothing is
    reported.
    """
    async with running(service, SLEEPY) as bench:
        held, run = service.add("SLEEPY", {}, due_at=soon(60)), service.add("SLEEPY", {})
        bench.dispatch(held)
        bench.dispatch(run)
        await bench.until(lambda: bench.engine.runs.alive() and held.node, "under way")
        for job in (held, run):
            job.node, job.attempt = None, job.attempt + 1
        await bench.until(lambda: not bench.engine.runs.alive(), "stopped")
        await bench.until(lambda: not bench.engine.table.get((held.id, 1)), "dropped")
        assert held.ends == run.ends == run.late == []


async def test_a_comparison_releases_what_is_unknown_here(service: FakeJobService) -> None:
    """R2: named and unknown is released, fenced, and never leased or started again."""
    async with running(service, QUICK) as bench:
        job = service.add("QUICK", {})
        job.node, job.status = next(iter(service.live)), "RUNNING"
        await bench.until(lambda: service.released, "released")
        assert service.released == [(job.id, "unknown")]
        bench.dispatch(job, attempt=1)
        assert bench.prefix() == 1


async def test_a_comparison_leaves_alone_what_was_granted_while_it_was_asked(
    service: FakeJobService,
) -> None:
    """R2: the answer was given before the lease, so that it does not name it is no difference."""
    async with running(service, SLEEPY) as bench:
        engine = bench.engine
        node = engine.membership.node
        assert node is not None
        job = service.add("SLEEPY", {}, due_at=soon(60))

        class GrantedMeanwhile(JobServiceClient):
            async def compare(self, node: UUID) -> Holdings:
                reply = await super().compare(node)
                bench.dispatch(job)
                await bench.until(lambda: engine.table.held_by(as_node), "granted")
                return reply

        as_node, engine._calls = node, GrantedMeanwhile(JobServiceAddress(url=service.url))
        compare, _ = engine._duties(node)
        assert await compare.run_once() == {"stopped": 0, "released": 0}
        assert engine.table.get((job.id, 1)) is not None
        await engine._calls.close()


async def test_a_session_counts_from_before_the_registration_was_asked() -> None:
    """R5: the answer came 4 s later; the database may have counted since the request left."""
    clock = HandClock()
    asked_at = clock.now

    class Slow:
        async def register(self, request: RegisterNode) -> Registered:
            clock.now += 4
            return Registered(live=True, ttl_seconds=10.0, now=NOON)

    class NoRenewals:
        def start(self) -> None:
            return None

        stop = start

    calls, membership, table = cast("JobService", Slow()), Membership(), AttemptTable()
    keeper = KeepNode(
        calls=calls,
        membership=membership,
        table=table,
        runs=cast("RunAttempts", None),
        log=ExecutionLog(),
        clock=clock.database,
        now=clock,
        new_id=new_id,
        registration=lambda node: RegisterNode(
            node=node, role=NodeRole.WORKER, address="http://127.0.0.1:1", version="test"
        ),
        renewing=lambda session, on_dead: cast("Renewer", NoRenewals()),
        duties=lambda node: [],
    )
    assert await keeper.run_once() == {"registered": 1}
    clock.now = asked_at + 10.0 - 0.25
    assert membership.may_start()
    clock.now = asked_at + 10.0
    assert not membership.may_start()
    await keeper.close()


async def test_a_dead_node_is_followed_by_a_new_one(service: FakeJobService) -> None:
    """DESIGN 4.6, 4.7: handlers are stopped; a late finish goes out under the old id and changes
    nothing.
    """
    deaf = Deaf()
    async with running(service, SLEEPY, a_type("DEAF", deaf), slots=2) as bench:
        stops, goes_on = service.add("SLEEPY", {}), service.add("DEAF", {})
        bench.dispatch(stops)
        bench.dispatch(goes_on)
        await bench.until(lambda: bench.engine.runs.alive() == 2, "under way")
        service.kill_nodes()
        await bench.until(lambda: len(service.live) == 2, "registered anew")
        await bench.until(lambda: bench.engine.runs.alive() == 1, "one stopped")
        assert deaf.begun.is_set()
        deaf.go.set()
        await bench.until(lambda: goes_on.late, "told late")
        assert not goes_on.ends
        for job in (stops, goes_on):
            bench.dispatch(job)
        await bench.until(lambda: goes_on.ends and stops.status == "RUNNING", "both ran again")


async def test_a_held_one_of_a_dead_node_never_starts(service: FakeJobService) -> None:
    async with running(service, QUICK) as bench:
        # Far ahead: it is dropped with its node, not when its time comes.
        job = service.add("QUICK", {}, due_at=soon(60))
        bench.dispatch(job)
        await bench.until(lambda: job.node, "held")
        service.kill_nodes()
        await bench.until(lambda: len(service.live) == 2, "registered anew")
        await bench.until(lambda: not bench.engine.table.get((job.id, 1)), "dropped")
        assert job.history == ["held"]


async def test_nothing_starts_past_the_own_expiry(service: FakeJobService) -> None:
    """R5: looked at in the same breath as the start."""
    service.lose["renew"] = 1_000_000
    async with running(service, QUICK) as bench:
        job = service.add("QUICK", {}, due_at=soon(3.5))
        bench.dispatch(job)
        await bench.until(lambda: not bench.engine.membership.may_start(), "lapsed")
        await bench.until(lambda: bench.engine._wheel.due() == 1, "due")
        assert job.history == ["held"]
        service.lose["renew"] = 0
        await bench.until(lambda: job.ends, "ran once the session was renewed")


async def test_a_drain_finishes_or_releases(service: FakeJobService) -> None:
    async def short(payload: Any, context: Context) -> None:
        await asyncio.sleep(0.2)

    types = (SLEEPY, a_type("SHORT", short), a_type("POLITE", polite))
    async with running(service, *types, drain=0.5) as bench:
        names = ("SHORT", "SLEEPY", "POLITE")
        finishes, is_released, checks = jobs = [service.add(name, {}) for name in names]
        held = service.add("SLEEPY", {}, due_at=soon(60))
        for job in (*jobs, held):
            bench.dispatch(job)
        await bench.until(lambda: bench.engine.runs.alive() == 3 and held.node, "under way")
        await bench.drain()
        assert finishes.status == "SUCCESS"
        assert {job.attempt for job in (is_released, checks, held)} == {2}
        assert {reason for _, reason in service.released} == {"shutdown"}
        assert service.left == list(service.live)


async def test_a_worker_that_drains_reports_no_room(service: FakeJobService) -> None:
    """R23: nothing is claimed for it, neither what is due nor ahead."""
    async with running(service, SLEEPY, slots=5, hold_slots=7) as bench:
        job = service.add("SLEEPY", {})
        bench.dispatch(job)
        # The service counts it as running before the worker has read the answer to its lease.
        await bench.until(lambda: bench.engine.runs.alive() == 1, "under way")
        bench.engine.membership.draining = True
        await bench.engine.beat.run_once()
        told = bench.engine.beat.counts()
        assert (told.slots, told.hold_slots, told.running) == (1, 0, 1)


async def test_a_node_that_still_holds_something_does_not_leave(service: FakeJobService) -> None:
    deaf = Deaf()
    async with running(service, a_type("DEAF", deaf), drain=0.1) as bench:
        job = service.add("DEAF", {})
        bench.dispatch(job)
        await bench.until(deaf.begun.is_set, "begun")
        await bench.drain()
        assert service.left == []
        assert job.status == "RUNNING"
        deaf.go.set()


async def test_the_counts_of_a_renewal(service: FakeJobService) -> None:
    async with running(service, SLEEPY, slots=5, hold_slots=7) as bench:
        for due in (soon(0), soon(60), soon(60)):
            bench.dispatch(service.add("SLEEPY", {}, due_at=due))

        def told() -> bool:
            last = service.renewals[-1] if service.renewals else None
            return last is not None and (last.slots, last.running, last.held) == (5, 1, 2)

        await bench.until(told, "counted")
        assert service.renewals[-1].positions[0].topic_partition == 0
