"""Kafka killed for 20 s under load."""

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
AWAY_SECONDS = 20.0
SETTLED_WITHIN_SECONDS = 30.0

LEASED = "SELECT count(*) FROM inflight WHERE worker IS NOT NULL"


def test_all_settles_within_30_s_after_kafka_was_away_for_20_s(sink: Sink) -> None:
    """G3, G6, R21: the broker dies while records are on it, on their way to it, and claimed for it. Clients
    notice nothing, running jobs end, and what became due meanwhile runs when it is back."""
    env = {"PUNCTUAL_WORKER__SLOTS": "200"}
    with running_stack(workers=3, schedulers=2, env=env) as stack, load_on(stack, sink) as load:
        due = time.time() + 4.0
        load.create_at_once(JOBS, sleep_ms=(1_000, 3_000), due=(due, due + 4.0))
        load.ids()
        wait_until(
            lambda: count(stack, LEASED) >= JOBS / 5, within=30, what="a fifth of it to be leased"
        )
        killed_at = kill(stack, "kafka")
        load.create(JOBS_MEANWHILE)
        ids = load.ids()
        last(AWAY_SECONDS, since=killed_at)
        waited = count(stack, "SELECT count(*) FROM jobs WHERE status <> 'SUCCESS'")
        stack.stack.spawn("kafka")
        healed_at = time.time()

        wait_all_settled(stack, ids, within=SETTLED_WITHIN_SECONDS)
        verdict = judge(stack, ids, healed_at=healed_at, told=sink.told())
        print(f"{verdict} waited={waited} repeated_creates={load.repeats}")
        assert verdict.seconds <= SETTLED_WITHIN_SECONDS
        assert waited >= JOBS_MEANWHILE, "the outage was felt"
        assert load.repeats == 0, "creating does not need the broker"
        assert (verdict.lost, verdict.failures) == (0, 0)
