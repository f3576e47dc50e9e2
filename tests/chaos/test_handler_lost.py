"""A worker that loses handlers without a word: neither an end nor a time-out is ever reported."""

import time

from tests.support.looking import count, rows, wait_all_settled
from tests.support.nodes import node_of, plant_soon
from tests.support.sink import Sink
from tests.support.stacks import running_stack
from tests.support.verdict import judge
from tests.support.waiting import wait_until

TTL_SECONDS = 3.0
LOSERS = 20
JOBS = 480
TIMEOUT_SECONDS = 3.0
DEADLINE_SECONDS = TIMEOUT_SECONDS + 10.0
"""The server ends an attempt 10 s after its time-out."""
SETTLED_WITHIN_SECONDS = 30.0

FIRST_RUNS = """
SELECT status, error, ended_at - leased_at >= $2 * interval '1 second' AS whole_time
FROM executions WHERE attempt = 1 AND job_id = ANY ($1)
"""
ENDS = """
SELECT to_status, reason, actor, attempt FROM job_history
WHERE from_status = 'RUNNING' AND job_id = ANY ($1) GROUP BY 1, 2, 3, 4 ORDER BY attempt
"""
BUSY = "SELECT coalesce(sum(running), 0) FROM nodes WHERE state = 'live' AND role = 'worker'"


def test_attempts_that_nobody_reports_end_at_their_deadline_on_the_server(sink: Sink) -> None:
    """R16: they fail by time-out and are tried again, counted as failures and not as lost; their node lives
    on, and R2: it hears by comparison that they are over, and its slots are free again."""
    env = {"PUNCTUAL_LEASE__TTL": f"{TTL_SECONDS}s", "PUNCTUAL_WORKER__SLOTS": "600"}
    with running_stack(workers=2, env=env) as stack:
        nodes = {node_of(stack, name) for name in ("worker-1", "worker-2")}
        sleepers = plant_soon(stack, JOBS, "SINK", {"port": sink.port, "sleep_ms": 2_000})
        losers = plant_soon(stack, LOSERS, "LOSER", {}, timeout_seconds=TIMEOUT_SECONDS)
        due_at = time.time()
        ids = [*losers, *sleepers]
        wait_all_settled(stack, ids, within=DEADLINE_SECONDS + SETTLED_WITHIN_SECONDS)

        verdict = judge(stack, ids, healed_at=due_at)
        print(verdict)
        assert (verdict.lost, verdict.again, verdict.failures) == (0, LOSERS, LOSERS)
        runs = rows(stack, FIRST_RUNS, losers, DEADLINE_SECONDS)
        assert [tuple(row) for row in runs] == [
            ("FAILED", "no report by its deadline", True)
        ] * LOSERS
        assert [tuple(row) for row in rows(stack, ENDS, losers)] == [
            ("FAILED", "timeout", "duty", 1),
            ("SUCCESS", "succeeded", "worker", 2),
        ]
        wait_until(lambda: count(stack, BUSY) == 0, within=20, every=0.2, what="free slots")
        assert {node_of(stack, name) for name in ("worker-1", "worker-2")} == nodes
