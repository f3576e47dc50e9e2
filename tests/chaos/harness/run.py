"""One run: start the world, let clients and the nemesis at it, wait for quiet, collect."""

import asyncio
import random
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.chaos.harness.bodies import Bodies, Mixture, OfKeys, OfRows
from tests.chaos.harness.calls import Calls
from tests.chaos.harness.catalogue import catalogue
from tests.chaos.harness.clients import MEDDLERS, Clients
from tests.chaos.harness.collect import collect
from tests.chaos.harness.effects import Effects, listening_effects
from tests.chaos.harness.journal import Journal
from tests.chaos.harness.nemesis import Nemesis
from tests.chaos.harness.rows import collect_rows, make_rows
from tests.chaos.harness.schedule import Fault, make_schedule
from tests.chaos.harness.topic_reader import TopicReader
from tests.chaos.harness.watch import Watch
from tests.chaos.harness.world import (
    GRACE_SECONDS,
    SCHEDULER_TTL_SECONDS,
    WORKER_TTL_SECONDS,
    World,
    running_world,
)
from tests.support.beside import beside

SAY_SECONDS = 10.0
CREATED_WITHIN = 0.25
"""Of a run, when its jobs are those of many keys; they come due over all of it."""
OPEN_MOST = 1_500
"""Of the mixture: so many jobs are not settled at most."""
ROWS_OPEN_MOST = 150
"""Of jobs that insert rows, which work for seconds: no more than the workers have slots for."""


@dataclass(frozen=True)
class Wanted:
    """What to run. `quiet_seconds`: how long to wait for the last job to settle. `kinds`: the only faults that
    strike, all if None. `long_share`: of the jobs, those that run for six seconds. `keys`: instead of the
    mixture so many jobs of each of so many ordering keys. `rows`: instead of it jobs that insert a row, half of
    them through the effect ledger, and no client changes any. `faults`: those of the seed if None."""

    seed: int
    seconds: float
    jobs: int
    quiet_seconds: float = 90.0
    kinds: frozenset[str] | None = None
    long_share: float = 0.08
    keys: int | None = None
    rows: bool = False
    faults: tuple[Fault, ...] | None = None


async def run(wanted: Wanted, records: Path) -> None:
    """Leaves all records in the directory `records`."""
    meta = Journal(records / "meta.jsonl")
    effects_journal = Journal(records / "effects.jsonl")
    async with running_world(records) as world, listening_effects(effects_journal) as effects:
        meta.note("run", **_told(wanted, world))
        if wanted.rows:
            await make_rows(world)
        watch = Watch(world, Journal(records / "watch.jsonl"))
        reader = TopicReader(world.kafka_settings, Journal(records / "topic.jsonl"))
        async with beside(watch.run()), beside(reader.run()):
            await _break_and_heal(world, watch, effects, wanted)
            meta.note("healed")
            settled = await watch.settle(wanted.quiet_seconds)
            watch.note_memory("memory-after")
            meta.note("quiet", settled=settled, open=watch.open_jobs)
            await collect(world)
            if wanted.rows:
                await collect_rows(world)
            meta.note("collected")


def _told(wanted: Wanted, world: World) -> dict[str, Any]:
    return {
        "seed": wanted.seed,
        "seconds": wanted.seconds,
        "jobs": wanted.jobs,
        "worker_ttl": WORKER_TTL_SECONDS,
        "scheduler_ttl": SCHEDULER_TTL_SECONDS,
        "grace": GRACE_SECONDS,
        "workers": len(world.names("worker")),
        "schedulers": len(world.names("scheduler")),
    }


async def _break_and_heal(world: World, watch: Watch, effects: Effects, wanted: Wanted) -> None:
    """All the load and all the faults; returns when the last fault is healed and the last job created."""
    doors = [world.doors[name].url for name in ("client-1", "client-2")]
    calls = Calls(doors, Journal(world.records / "clients.jsonl"))
    choose = random.Random(f"clients {wanted.seed}")
    clients = Clients(
        calls,
        choose,
        bodies=_bodies(choose, effects.port, wanted),
        total=wanted.jobs,
        seconds=wanted.seconds * (1.0 if wanted.keys is None else CREATED_WITHIN),
        open_most=_open_most(wanted),
        count_open=lambda: watch.open_jobs,
        meddlers=0 if wanted.rows else MEDDLERS,
    )
    kinds = catalogue(world, clients)
    only = [kind for kind in kinds if wanted.kinds is None or kind.name in wanted.kinds]
    faults = wanted.faults
    if faults is None:
        faults = tuple(make_schedule(wanted.seed, wanted.seconds, only))
    strikes = {kind.name: strike for kind, strike in kinds.items()}
    nemesis = Nemesis(strikes, Journal(world.records / "nemesis.jsonl"))
    try:
        async with beside(_say(clients, watch, nemesis)):
            await asyncio.gather(clients.run(), nemesis.run(faults))
    finally:
        await calls.close()


def _bodies(choose: random.Random, sink_port: int, wanted: Wanted) -> Bodies:
    if wanted.rows:
        return OfRows(choose)
    if wanted.keys is None:
        return Mixture(choose, sink_port=sink_port, long_share=wanted.long_share)
    return OfKeys(
        choose,
        sink_port=sink_port,
        keys=wanted.keys,
        of_each=wanted.jobs // wanted.keys,
        due_over=wanted.seconds,
    )


def _open_most(wanted: Wanted) -> int:
    if wanted.rows:
        return ROWS_OPEN_MOST
    return OPEN_MOST if wanted.keys is None else wanted.jobs


async def _say(clients: Clients, watch: Watch, nemesis: Nemesis) -> None:
    began = time.monotonic()
    while True:
        await asyncio.sleep(SAY_SECONDS)
        print(
            f"{time.monotonic() - began:5.0f} s  created {clients.made}  open {watch.open_jobs}  "
            f"faults {nemesis.begun}",
            flush=True,
        )
