"""PostgreSQL stopped in its tracks for two TTLs, then resumed."""

import time

from tests.support.faults import frozen_postgres, last
from tests.support.load import load_on
from tests.support.looking import count, rows, wait_all_settled
from tests.support.sink import Sink
from tests.support.stacks import running_stack
from tests.support.verdict import judge
from tests.support.waiting import wait_until

JOBS = 500
JOBS_MEANWHILE = 100
TTL_SECONDS = 5.0
"""Of workers and schedulers alike."""
SETTLED_WITHIN_SECONDS = 30.0

LEASED = "SELECT count(*) FROM inflight WHERE worker IS NOT NULL"
DEATHS = "SELECT id, role, death FROM nodes WHERE state = 'dead'"


def test_nothing_counts_as_lost_after_the_database_stood_still_for_two_ttls(sink: Sink) -> None:
    """R14, R15: no session could be renewed for longer than it lives, and that was nobody's fault. The
    reaper waits; the nodes live on; their results are accepted; `lost` stays 0 everywhere."""
    env = {
        "PUNCTUAL_WORKER__SLOTS": "200",
        "PUNCTUAL_LEASE__TTL": f"{TTL_SECONDS}s",
        "PUNCTUAL_LEASE__SCHEDULER_TTL": f"{TTL_SECONDS}s",
    }
    with running_stack(workers=3, schedulers=2, env=env) as stack, load_on(stack, sink) as load:
        due = time.time() + 5.0
        load.create_at_once(JOBS, sleep_ms=(1_000, 3_000), due=(due, due + 1.0))
        load.ids()
        wait_until(
            lambda: count(stack, LEASED) >= JOBS / 2, within=30, what="half of it to be leased"
        )
        load.create(JOBS_MEANWHILE)
        with frozen_postgres(stack) as frozen_at:
            last(2 * TTL_SECONDS, since=frozen_at)
        healed_at = time.time()
        ids = load.ids()

        wait_all_settled(stack, ids, within=SETTLED_WITHIN_SECONDS)
        verdict = judge(stack, ids, healed_at=healed_at, told=sink.told())
        print(f"{verdict} repeated_creates={load.repeats}")
        assert verdict.seconds <= SETTLED_WITHIN_SECONDS
        assert (verdict.lost, verdict.failures) == (0, 0)
        assert rows(stack, DEATHS) == []
