"""The request topic deleted under load, with records on it that nobody has read."""

import time

from tests.support.faults import delete_topic, frozen, topic_is_there
from tests.support.load import load_on
from tests.support.looking import count, wait_all_settled
from tests.support.sink import Sink
from tests.support.stacks import running_stack
from tests.support.verdict import judge
from tests.support.waiting import wait_until

JOBS = 500
WORKER_TTL_SECONDS = 10.0
"""The default: the workers stand still for less, and live on."""
THERE_AGAIN_WITHIN_SECONDS = 15.0
SETTLED_WITHIN_SECONDS = 30.0

LEASED = "SELECT count(*) FROM inflight WHERE worker IS NOT NULL"
PUBLISHED = "SELECT count(*) FROM inflight WHERE worker IS NULL AND record_offset IS NOT NULL"


def test_all_settles_within_30_s_after_the_topic_is_there_again(sink: Sink) -> None:
    """G3, G6, R21: half of the jobs run, the records of the others are on the topic when it goes. The topic
    is made anew, and the reconciler has those published again with the attempt that they had."""
    half = JOBS // 2
    env = {"PUNCTUAL_WORKER__SLOTS": "200"}
    with running_stack(workers=3, schedulers=2, env=env) as stack, load_on(stack, sink) as load:
        due = time.time() + 3.0
        load.create_at_once(half, sleep_ms=(4_000, 6_000), due=(due, due))
        load.ids()
        wait_until(lambda: count(stack, LEASED) == half, within=30, what="half of it to be leased")
        with frozen(stack, *stack.stack.plan.names("worker")):
            load.create(half)
            ids = load.ids()
            wait_until(
                lambda: count(stack, PUBLISHED) >= half * 0.8,
                within=WORKER_TTL_SECONDS / 2,
                what="records on the topic that nobody reads",
            )
            delete_topic(stack)
        wait_until(
            lambda: topic_is_there(stack),
            within=THERE_AGAIN_WITHIN_SECONDS,
            every=0.2,
            what="the topic to be there again",
        )
        healed_at = time.time()

        wait_all_settled(stack, ids, within=SETTLED_WITHIN_SECONDS)
        verdict = judge(stack, ids, healed_at=healed_at, told=sink.told())
        print(verdict)
        assert verdict.seconds <= SETTLED_WITHIN_SECONDS
        assert (verdict.lost, verdict.again, verdict.failures) == (0, 0, 0)
