"""One stack for all crash points: what happens at one of them, and what is left of the jobs that were there."""

import random
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from uuid import UUID

from punctual.local.services import is_ready
from tests.support.crash_points import CrashPoint, Given, Happens, Some, W
from tests.support.faults import kill
from tests.support.load import Load, load_on
from tests.support.looking import count, rows, wait_all_settled
from tests.support.nodes import node_of, wait_dead
from tests.support.sink import Sink, listening_sink
from tests.support.stacks import RunningStack, running_stack
from tests.support.switches import Switch, Switches
from tests.support.verdict import Verdict, judge
from tests.support.waiting import wait_until

WORKERS, SCHEDULERS = 3, 2
AHEAD_SECONDS = 5.5
"""With this lead of the scheduler and this look-ahead, workers hold jobs for seconds."""
ENV = {
    "PUNCTUAL_LEASE__TTL": "2s",
    "PUNCTUAL_LEASE__SCHEDULER_TTL": "2s",
    "PUNCTUAL_WORKER__DRAIN": "0.3s",
    "PUNCTUAL_SCHEDULER__LEAD": "6s",
    "PUNCTUAL_CLAIM__LOOKAHEAD": "6s",
    "PUNCTUAL_RETRY__BASE": "0.2s",
    "PUNCTUAL_KAFKA__SESSION_TIMEOUT": "1.5s",
    "PUNCTUAL_KAFKA__HEARTBEAT_INTERVAL": "0.4s",
    "PUNCTUAL_TEST__MODE": "true",
}
RUNNING = frozenset({Given.A_DRAIN, Given.A_DEAD_WORKER})
"""Where jobs run before the point is switched on."""
READY_WITHIN_SECONDS = 40.0
SETTLED_WITHIN_SECONDS = 45.0

_LEASED = "SELECT worker FROM inflight WHERE worker IS NOT NULL AND job_id = ANY ($1) LIMIT 1"
_ZOMBIES = """
SELECT count(*) FROM executions WHERE job_id = ANY ($1) AND notes @> '[{"kind": "ZOMBIE"}]'
"""
_AGAIN = "SELECT count(*) FROM jobs WHERE id = ANY ($1) AND attempt > 1"
_LOST = "SELECT count(*) FROM jobs WHERE id = ANY ($1) AND lost > 0"
_LOST_RUNS = "SELECT job_id, attempt FROM executions WHERE job_id = ANY ($1) AND status = 'LOST'"


@dataclass
class World:
    """The stack, the outside witness, the switches, and every job there ever was."""

    stack: RunningStack
    sink: Sink
    switches: Switches
    ids: list[UUID] = field(default_factory=list)

    def once(self, point: CrashPoint, seed: int) -> list[UUID]:
        """Bring the point about; the jobs that were there. Whoever died is started again."""
        chance = random.Random(f"{point.name} {seed}")
        where = {"where": point.where} if point.where else {}
        with load_on(self.stack, self.sink) as load:
            try:
                nodes = self._nodes() if point.given in RUNNING or point.zombies else {}
                if point.given in RUNNING:
                    self._some_run(load, chance)
                names = self._names()
                times = chance.randint(1, point.hits)
                switch = self.switches.throw(point.point, point.happens.value, times=times, **where)
                self._provoke(point, load, chance, nodes)
                pid = switch.wait_hit(meanwhile=lambda: load.create(1, sleep_ms=(0, 100)))
                self._heal(point, switch, names.get(pid) or self._names()[pid], nodes)
            finally:
                ids = load.ids()
                self.ids += ids
        if point.who == W and point.again is Some.NONE:
            # Or the next worker that dies may be running one of these: that one would run again, rightly.
            wait_all_settled(self.stack, ids, within=SETTLED_WITHIN_SECONDS)
        return ids

    def settled(self, ids: list[UUID], *, since: float) -> Verdict:
        """Wait until all is settled and everybody is there again; the verdict over everything so far."""
        wait_all_settled(self.stack, ids, within=SETTLED_WITHIN_SECONDS)
        self.all_ready()
        return judge(self.stack, self.ids, healed_at=since, told=self.sink.told())

    def ends_as_it_says(self, point: CrashPoint, ids: list[UUID]) -> None:
        """What the row says of further executions, of losses and of effects."""
        _some(point.again, count(self.stack, _AGAIN, ids), f"{point.name}: jobs run again")
        _some(point.lost, count(self.stack, _LOST, ids), f"{point.name}: jobs lost")
        assert (count(self.stack, _ZOMBIES, ids) > 0) == point.zombies, f"{point.name}: zombies"
        told = {(line.job, line.attempt) for line in self.sink.told()}
        lost = {(row["job_id"], row["attempt"]) for row in rows(self.stack, _LOST_RUNS, ids)}
        if point.unheard:
            assert lost - told, f"{point.name}: every attempt that was lost had an effect"
        if point.heard:
            assert lost & told, f"{point.name}: no attempt that was lost had an effect"

    def all_ready(self) -> None:
        """Wait until every process of the stack is there and ready."""
        ports = self.stack.stack.plan.ports
        services = [name for name in ports if name not in {"postgres", "kafka"}]
        wait_until(
            lambda: all(is_ready(ports[name]) for name in services),
            within=READY_WITHIN_SECONDS,
            every=0.1,
            what="every process to be ready",
        )

    def _provoke(
        self, point: CrashPoint, load: Load, chance: random.Random, nodes: dict[UUID, str]
    ) -> None:
        match point.given:
            case Given.A_DRAIN:
                worker = self._busy_worker(load.ids(), nodes)
                self.stack.stack.stop(worker)
                self.stack.stack.spawn(worker, ready=False)
            case Given.A_DEAD_WORKER:
                worker = self._busy_worker(load.ids(), nodes)
                kill(self.stack, worker)
                self.stack.stack.spawn(worker, ready=False)
            case Given.A_NEW_WORKER:
                worker = f"worker-{chance.randint(1, WORKERS)}"
                self.stack.stack.stop(worker)
                self.stack.stack.spawn(worker, ready=False)
                load.create(4, sleep_ms=(0, 100))
            case Given.AHEAD:
                due = time.time() + AHEAD_SECONDS
                load.create(chance.randint(8, 16), sleep_ms=(0, 100), due=(due, due + 0.5))
            case _:
                load.create(
                    chance.randint(8, 16),
                    sleep_ms=(0, chance.randint(50, 300)),
                    fail_once=point.given is Given.FAILING,
                )

    def _some_run(self, load: Load, chance: random.Random) -> None:
        """Jobs that run for longer than a drain may take."""
        load.create(chance.randint(9, 15), sleep_ms=(3_000, 4_000))
        ids = load.ids()
        wait_until(
            lambda: rows(self.stack, _LEASED, ids), within=20, every=0.05, what="some of it to run"
        )

    def _busy_worker(self, ids: list[UUID], nodes: dict[UUID, str]) -> str:
        (row,) = rows(self.stack, _LEASED, ids)
        return nodes[row["worker"]]

    def _heal(self, point: CrashPoint, switch: Switch, name: str, nodes: dict[UUID, str]) -> None:
        """Start again who died; let go who stands still, once nobody believes in it any more."""
        roles = [role.removesuffix("_service") for role in point.who.split(", ")]
        assert name.partition("-")[0] in roles, f"{point.name} was hit by {name}"
        if point.happens is Happens.DIES:
            wait_until(lambda: self.stack.stack.pid(name) is None, what=f"{name} to be dead")
            self.stack.stack.spawn(name, ready=False)
        elif point.happens is Happens.STANDS_STILL:
            (node,) = (node for node, its in nodes.items() if its == name)
            wait_dead(self.stack, node, within=20)
            switch.go()

    def _nodes(self) -> dict[UUID, str]:
        """The workers by their nodes."""
        names = [f"worker-{n}" for n in range(1, WORKERS + 1)]
        return {node_of(self.stack, name): name for name in names}

    def _names(self) -> dict[int, str]:
        """The processes of the stack by pid."""
        running = self.stack.stack.running()
        return {pid: name for name in running if (pid := self.stack.stack.pid(name)) is not None}


def _some(expected: Some, found: int, what: str) -> None:
    if expected is Some.NONE:
        assert found == 0, what
    elif expected is Some.SOME:
        assert found > 0, what


@contextmanager
def world_with(directory: Path) -> Iterator[World]:
    """A stack with failpoints whose switches are in this directory."""
    env = {**ENV, "PUNCTUAL_TEST__FAILPOINTS": str(directory)}
    with (
        listening_sink() as sink,
        running_stack(workers=WORKERS, schedulers=SCHEDULERS, env=env) as stack,
    ):
        yield World(stack, sink, Switches(directory))
