"""A worker whose main loop hangs: its process lives and its session must not."""

import time
from collections import Counter
from uuid import UUID

from tests.support.faults import process_of
from tests.support.looking import count, rows, wait_all_settled
from tests.support.nodes import plant_soon, wait_carries_on, wait_dead, wait_running
from tests.support.sink import Sink
from tests.support.stacks import running_stack
from tests.support.verdict import judge
from tests.support.waiting import wait_until

TTL_SECONDS = 3.0
HANG_SECONDS = 15.0
"""Longer than the half TTL after which the loop counts as stalled, a TTL, the grace, and some."""
JOBS = 499
SETTLED_WITHIN_SECONDS = 30.0

HOLDER = "SELECT worker FROM inflight WHERE job_id = $1 AND worker IS NOT NULL"
LOST = "SELECT count(*) FROM executions WHERE node = $1 AND status = 'LOST'"
ZOMBIES = 'SELECT count(*) FROM executions WHERE node = $1 AND notes @> \'[{"kind": "ZOMBIE"}]\''


def test_the_jobs_of_a_worker_that_hangs_run_elsewhere(sink: Sink) -> None:
    """R4, R5, section 4.6: a session is renewed only while the main loop goes round. What its handlers
    finish meanwhile is told too late; once it goes round again the process is a new node."""
    env = {"PUNCTUAL_LEASE__TTL": f"{TTL_SECONDS}s", "PUNCTUAL_WORKER__SLOTS": "600"}
    with running_stack(workers=2, env=env) as stack:
        sleepers = plant_soon(stack, JOBS, "SINK", {"port": sink.port, "sleep_ms": 5_000})
        wait_running(stack, sleepers, within=20)
        hanging = UUID(stack.create("HANG", payload={"seconds": HANG_SECONDS})["jobId"])
        hung_at = time.time()
        node: UUID = wait_until(
            lambda: rows(stack, HOLDER, hanging), within=10, what="a worker to take the hang"
        )[0]["worker"]
        name = process_of(stack, node)
        pid = stack.stack.pid(name)
        assert wait_dead(stack, node, within=30) == "silent"
        ids = [*sleepers, hanging]
        wait_all_settled(stack, ids, within=SETTLED_WITHIN_SECONDS)

        ids += wait_carries_on(stack, name, node, sink.port)
        assert stack.stack.pid(name) == pid
        verdict = judge(stack, ids, healed_at=hung_at)
        lost, zombies = count(stack, LOST, node), count(stack, ZOMBIES, node)
        print(f"{verdict} orphans={lost} zombies={zombies}")
        assert lost > JOBS / 6
        assert (verdict.lost, verdict.again, verdict.failures) == (lost, lost, 0)
        assert stack.job(str(hanging))["attempt"] == 2
        began = Counter((told.job, told.attempt) for told in sink.told())
        assert set(began.values()) == {1}
