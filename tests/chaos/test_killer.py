"""A job that kills every worker that runs it, among innocent ones."""

import time
from collections import Counter
from uuid import UUID

from tests.support.looking import UNSETTLED, rows
from tests.support.nodes import plant_soon
from tests.support.sink import Sink
from tests.support.stacks import RunningStack, running_stack
from tests.support.verdict import judge
from tests.support.waiting import wait_until

TTL_SECONDS = 2.0
INNOCENT = 200
WORKERS = ("worker-1", "worker-2", "worker-3")
DEATHS_AT_MOST = 6
SETTLED_WITHIN_SECONDS = 70.0


def test_a_killer_is_quarantined_and_its_neighbours_succeed(sink: Sink) -> None:
    """G8, R15: lost twice it is a suspect, and a worker holds one suspect at a time; lost three times more
    it is poison. Workers are started again whenever they die."""
    env = {"PUNCTUAL_LEASE__TTL": f"{TTL_SECONDS}s"}
    deaths: Counter[str] = Counter()
    with running_stack(workers=len(WORKERS), env=env) as stack:
        innocent = plant_soon(stack, INNOCENT, "SINK", {"port": sink.port, "sleep_ms": 2_000})
        (killer,) = plant_soon(stack, 1, "KILLER", {})
        ids = [*innocent, killer]
        began_at = time.time()

        def settled() -> bool:
            deaths.update(_start_the_dead(stack))
            return not rows(stack, UNSETTLED, ids)

        wait_until(settled, within=SETTLED_WITHIN_SECONDS, every=0.2, what="all jobs to settle")
        verdict = judge(
            stack, ids, healed_at=began_at, told=sink.told(), expected=("SUCCESS", "FAILED")
        )
        print(f"{verdict} deaths={dict(deaths)}")
        assert deaths.total() <= DEATHS_AT_MOST
        assert [job["status"] for job in map(stack.job, map(str, innocent))] == [
            "SUCCESS"
        ] * INNOCENT
        _is_poison(stack, killer, deaths.total())


def _start_the_dead(stack: RunningStack) -> list[str]:
    """Start again whichever worker died; which."""
    dead = [name for name in WORKERS if stack.stack.pid(name) is None]
    for name in dead:
        stack.stack.spawn(name, ready=False)
    return dead


def _is_poison(stack: RunningStack, killer: UUID, deaths: int) -> None:
    """FAILED for good, by the reaper, after as many losses as workers died of it."""
    job, last = stack.job(str(killer)), stack.history(str(killer))[-1]
    assert (last["from"], last["to"], last["reason"]) == ("RUNNING", "FAILED", "poison")
    assert (job["status"], job["nextAttemptAt"], job["failures"]) == ("FAILED", None, 0)
    assert job["lost"] == deaths
