"""`kill -9` of job_service under load."""

import time

from tests.support.faults import kill, last
from tests.support.load import load_on
from tests.support.looking import count, wait_all_settled
from tests.support.sink import Sink
from tests.support.stacks import running_stack
from tests.support.verdict import judge
from tests.support.waiting import wait_until

JOBS = 500
JOBS_MEANWHILE = 100
AWAY_SECONDS = 5.0
SETTLED_WITHIN_SECONDS = 30.0

LEASED = "SELECT count(*) FROM inflight WHERE worker IS NOT NULL"


def test_all_settles_within_30_s_after_job_service_was_killed_and_is_back(sink: Sink) -> None:
    """G1, G3, G6, R1, R3, R8, R14: it dies among leases and reports and is away for 5 s. Workers keep
    their results, sessions are given time to renew, so nothing is lost; clients repeat their creates."""
    env = {"PUNCTUAL_WORKER__SLOTS": "200"}
    with running_stack(workers=3, schedulers=2, env=env) as stack, load_on(stack, sink) as load:
        due = time.time() + 5.0
        load.create_at_once(JOBS, sleep_ms=(1_000, 3_000), due=(due, due + 1.0))
        load.ids()
        wait_until(
            lambda: count(stack, LEASED) >= JOBS / 2, within=30, what="half of it to be leased"
        )
        load.create(JOBS_MEANWHILE)
        killed_at = kill(stack, "job-1")
        last(AWAY_SECONDS, since=killed_at)
        stack.stack.spawn("job-1")
        healed_at = time.time()
        ids = load.ids()

        wait_all_settled(stack, ids, within=SETTLED_WITHIN_SECONDS)
        verdict = judge(stack, ids, healed_at=healed_at, told=sink.told())
        print(f"{verdict} repeated_creates={load.repeats}")
        assert verdict.seconds <= SETTLED_WITHIN_SECONDS
        assert (verdict.lost, verdict.failures) == (0, 0)
