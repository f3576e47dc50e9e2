"""Replies of job_service that never reach a worker: what it asked took effect, and it does not know."""

import time
from datetime import UTC, datetime, timedelta

from tests.support.looking import count, wait_all_settled
from tests.support.planting import plant
from tests.support.proxy import DropReply, HttpProxy, in_thread
from tests.support.sink import Sink
from tests.support.stacks import running_stack
from tests.support.verdict import judge
from tests.support.waiting import wait_until

JOBS = 500
TTL_SECONDS = 3.0
COMPARISONS = 2
"""How many must be answered while nothing is known of a lease or a report (one each third of a TTL)."""
FOR_EVER = 1_000_000
SETTLED_WITHIN_SECONDS = 30.0

NOTES = "SELECT count(*) FROM executions WHERE notes <> '[]'"


def test_a_lost_reply_costs_no_attempt(sink: Sink) -> None:
    """R1: leases whose reply was dropped are asked for again and granted again, and each attempt starts once.
    R2: comparisons meanwhile neither stop nor release them. R3: ends whose reply was dropped are told again
    until answered, and accepted once."""
    env = {"PUNCTUAL_LEASE__TTL": f"{TTL_SECONDS}s", "PUNCTUAL_WORKER__SLOTS": "600"}
    with running_stack(workers=0, env=env) as stack:
        proxy = HttpProxy(upstream_port=stack.stack.plan.ports["job-1"])
        with in_thread(proxy):
            stack.stack.spawn("worker-1", env={"PUNCTUAL_JOB_SERVICE__URL": proxy.url})
            leases = proxy.drop_reply("/internal/v1/leases", times=FOR_EVER)
            compared = proxy.drop_reply("/compare", times=0)
            due = datetime.now(UTC) + timedelta(seconds=4)
            payload = {"port": sink.port, "sleep_ms": 1_000}
            ids = plant(stack, JOBS, "SINK", payload, due_at=due)

            _until_compared(leases, compared)
            assert sink.told() == [], "something starts without an answer"
            reports = proxy.drop_reply("/internal/v1/reports", times=FOR_EVER)
            leases.times = leases.seen
            healed_at = time.time()
            _until_compared(reports, compared)
            reports.times = reports.seen
            wait_until(
                lambda: reports.seen > reports.dropped,
                within=SETTLED_WITHIN_SECONDS,
                what="a report to be answered",
            )
            wait_all_settled(stack, ids, within=SETTLED_WITHIN_SECONDS)

            verdict = judge(stack, ids, healed_at=healed_at, told=sink.told())
            print(
                f"{verdict} dropped: {leases.dropped} of {leases.seen} lease replies, "
                f"{reports.dropped} of {reports.seen} report replies"
            )
            assert (verdict.attempts, verdict.lost, verdict.failures) == (JOBS, 0, 0)
            assert len(sink.told()) == JOBS
            assert count(stack, NOTES) == 0, "a repeated report was taken for a late one"
            stack.stack.stop("worker-1")


def _until_compared(rule: DropReply, compared: DropReply) -> None:
    """Wait until replies of that rule are missing and the worker has compared its holdings since then."""
    wait_until(lambda: rule.dropped > 0, within=20, what=f"a reply of {rule.path} to be dropped")
    before = compared.seen
    wait_until(
        lambda: compared.seen >= before + COMPARISONS and rule.dropped > 1,
        within=30,
        what="the worker to compare its holdings and to ask again",
    )
