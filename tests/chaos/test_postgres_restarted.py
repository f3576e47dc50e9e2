"""PostgreSQL restarted in immediate mode under load."""

import time

from tests.support.faults import restart_postgres
from tests.support.load import load_on
from tests.support.looking import count, wait_all_settled
from tests.support.sink import Sink
from tests.support.stacks import running_stack
from tests.support.verdict import judge
from tests.support.waiting import wait_until

JOBS = 500
JOBS_MEANWHILE = 100
SETTLED_WITHIN_SECONDS = 30.0

LEASED = "SELECT count(*) FROM inflight WHERE worker IS NOT NULL"


def test_all_settles_within_30_s_after_a_crash_recovery(sink: Sink) -> None:
    """G1, G3, G6, R1, R3, R14, R27: every connection breaks in the middle of what it does, commits with an
    unknown outcome among them. Nothing that was answered is gone, nothing counts as lost."""
    env = {"PUNCTUAL_WORKER__SLOTS": "200"}
    with running_stack(workers=3, schedulers=2, env=env) as stack, load_on(stack, sink) as load:
        due = time.time() + 5.0
        load.create_at_once(JOBS, sleep_ms=(1_000, 3_000), due=(due, due + 1.0))
        load.ids()
        wait_until(
            lambda: count(stack, LEASED) >= JOBS / 2, within=30, what="half of it to be leased"
        )
        load.create(JOBS_MEANWHILE)
        went_at, healed_at = restart_postgres(stack)
        ids = load.ids()

        wait_all_settled(stack, ids, within=SETTLED_WITHIN_SECONDS)
        verdict = judge(stack, ids, healed_at=healed_at, told=sink.told())
        away = healed_at - went_at
        print(f"{verdict} away={away:.1f}s repeated_creates={load.repeats}")
        assert verdict.seconds <= SETTLED_WITHIN_SECONDS
        assert (verdict.lost, verdict.failures) == (0, 0)
