"""One soak: the stack, the load, the kills and the samples; then everything settles and is audited."""

import asyncio
import time
from collections.abc import Sequence
from dataclasses import dataclass

import asyncpg

from punctual.local.stack import Stack
from tests.chaos.soak.clients import Clients
from tests.chaos.soak.kills import Killer
from tests.chaos.soak.lateness import p99_by_cycle
from tests.chaos.soak.samples import Samples
from tests.chaos.soak.trends import Series
from tests.support.auditing import assert_clean_now
from tests.support.beside import beside
from tests.support.looking import count, rows
from tests.support.stacks import running_stack
from tests.support.waiting import wait_until

WORKERS, SCHEDULERS = 3, 2
AT_THE_SECOND = ("worker-2", "worker-3", "scheduler-2")
"""They reach job_service at job-2, which is killed; the others and the clients at job-1, which never is."""
SAY_SECONDS = 30.0
SETTLED_WITHIN_SECONDS = 120.0
OPEN = "SELECT (SELECT count(*) FROM due) + (SELECT count(*) FROM inflight)"
STATES = "SELECT status, count(*) AS jobs FROM jobs GROUP BY status ORDER BY status"
LOST = "SELECT count(*) FROM executions WHERE status = 'LOST'"


@dataclass(frozen=True)
class Soaked:
    """What a soak left. `kills` are in seconds since the load began, `states` counts jobs, `lost` attempts."""

    series: Sequence[Series]
    kills: Sequence[float]
    made: int
    repeats: int
    states: dict[str, int]
    lost: int


def run(*, seed: int, seconds: float, rate: float) -> Soaked:
    """A whole soak.

    Raises:
        AssertionError: the audit found something, or a job has not settled.
    """
    with running_stack(workers=WORKERS, schedulers=SCHEDULERS) as running:
        others = _second_service(running.stack)
        began_at = time.time()
        clients, killer, samples = asyncio.run(_load(running.stack, seed, seconds, rate, others))
        wait_until(
            lambda: count(running, OPEN) == 0,
            within=SETTLED_WITHIN_SECONDS,
            every=0.5,
            what="every job to settle",
        )
        url = running.stack.plan.database_url
        assert_clean_now(url)
        late = asyncio.run(p99_by_cycle(url, killer.windows, began_at=began_at))
        return Soaked(
            series=[*samples.series(), late],
            kills=[window.begin - began_at for window in killer.windows],
            made=clients.made,
            repeats=clients.repeats,
            states={row["status"]: row["jobs"] for row in rows(running, STATES)},
            lost=count(running, LOST),
        )


def _second_service(stack: Stack) -> dict[str, dict[str, str]]:
    """Start job-2, and everybody again who reaches job_service there; their environments."""
    stack.spawn("job-2")
    others = {
        name: {"PUNCTUAL_JOB_SERVICE__URL": stack.plan.url("job-2")} for name in AT_THE_SECOND
    }
    for name, env in others.items():
        stack.stop(name)
        stack.spawn(name, env=env)
    return others


async def _load(
    stack: Stack, seed: int, seconds: float, rate: float, others: dict[str, dict[str, str]]
) -> tuple[Clients, Killer, Samples]:
    """All the load and all the kills."""
    clients = Clients(stack.plan.url("job-1"), rate)
    killer = Killer(stack, seed, others)
    samples = Samples(stack, lambda: clients.made)
    until = time.monotonic() + seconds
    saying = _say(stack.plan.database_url, clients, killer)
    async with beside(samples.run()), beside(saying):
        await asyncio.gather(clients.run(until), killer.run(until))
    return clients, killer, samples


async def _say(url: str, clients: Clients, killer: Killer) -> None:
    raw = await asyncpg.connect(url)
    began = time.monotonic()
    while True:
        await asyncio.sleep(SAY_SECONDS)
        print(
            f"{time.monotonic() - began:5.0f} s  created {clients.made}  "
            f"open {await raw.fetchval(OPEN)}  kills {len(killer.windows)}",
            flush=True,
        )
