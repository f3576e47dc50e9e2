"""A worker that is stopped for twice its TTL and resumed: it comes back as a zombie."""

import signal
import time
from collections import Counter
from typing import Any
from uuid import UUID

import httpx

from tests.support.faults import last
from tests.support.looking import rows, wait_all_settled
from tests.support.nodes import (
    holds,
    node_of,
    plant_soon,
    wait_carries_on,
    wait_dead,
    wait_running,
)
from tests.support.sink import Sink
from tests.support.stacks import RunningStack, running_stack
from tests.support.verdict import judge
from tests.support.waiting import wait_until

TTL_SECONDS = 3.0
RUNS_SECONDS = 4
SLEEPERS = 460
BLOCKERS = 40
SETTLED_WITHIN_SECONDS = 30.0

FIRST_RUNS = """
SELECT job_id, attempt, status, result_hash, notes FROM executions
WHERE node = $1 AND job_id = ANY ($2)
"""
NOTED = """
SELECT count(*) FILTER (WHERE notes @> '[{"kind": "ZOMBIE"}]') = count(*)
FROM executions WHERE node = $1 AND job_id = ANY ($2)
"""


def test_a_worker_that_comes_back_too_late_is_answered_409_and_carries_on_as_a_new_node(
    sink: Sink,
) -> None:
    """R3, R4, R5, G2, G4: what ran in the stopped worker runs elsewhere; its blocking handlers end as soon as
    it is resumed, and what they report is noted and changes nothing."""
    env = {"PUNCTUAL_LEASE__TTL": f"{TTL_SECONDS}s", "PUNCTUAL_WORKER__SLOTS": "600"}
    with running_stack(workers=2, env=env) as stack:
        blockers = plant_soon(stack, BLOCKERS, "BLOCKER", {"seconds": RUNS_SECONDS})
        payload = {"port": sink.port, "sleep_ms": RUNS_SECONDS * 1_000}
        sleepers = plant_soon(stack, SLEEPERS, "SINK", payload)
        ids = [*blockers, *sleepers]
        wait_running(stack, ids, within=20)
        node, pid = node_of(stack, "worker-1"), stack.stack.pid("worker-1")
        stack.stack.kill("worker-1", signal.SIGSTOP)
        stopped_at = time.time()
        orphans = holds(stack, node)
        zombies = sorted(orphans.keys() & set(blockers))
        assert zombies, "no blocking handler runs in the worker that is stopped"
        last(2 * TTL_SECONDS, since=stopped_at)
        assert wait_dead(stack, node, within=20) == "silent"
        resumed_at = time.time()
        stack.stack.kill("worker-1", signal.SIGCONT)

        wait_until(
            lambda: rows(stack, NOTED, node, zombies)[0][0],
            within=20,
            every=0.1,
            what="each late report to be noted",
        )
        _late_again(stack, node, zombies[0])
        wait_all_settled(stack, ids, within=SETTLED_WITHIN_SECONDS)
        ids += wait_carries_on(stack, "worker-1", node, sink.port)
        assert stack.stack.pid("worker-1") == pid

        verdict = judge(stack, ids, healed_at=resumed_at)
        print(f"{verdict} orphans={len(orphans)} zombies={len(zombies)}")
        assert (verdict.lost, verdict.again, verdict.failures) == (len(orphans), len(orphans), 0)
        runs = rows(stack, FIRST_RUNS, node, zombies)
        assert {(row["attempt"], row["status"], row["result_hash"]) for row in runs} == {
            (1, "LOST", None)
        }
        began = Counter((told.job, told.attempt) for told in sink.told())
        assert set(began.values()) == {1}


def _late_again(stack: RunningStack, node: UUID, job_id: UUID) -> None:
    """The same report by hand is late once more, is no second note and changes nothing."""
    told: dict[str, Any] = {
        "jobId": str(job_id),
        "attempt": 1,
        "outcome": "SUCCESS",
        "endedAt": "2026-11-21T10:00:00Z",
        "result": {"blocked": float(RUNS_SECONDS)},
    }
    reply = stack.http.post("/internal/v1/reports", json={"node": str(node), "ends": [told]})
    assert reply.status_code == httpx.codes.OK, reply.text
    (answer,) = reply.json()["ends"]
    assert (answer["verdict"], answer["problem"]) == ("late", 409)
    (run,) = rows(stack, FIRST_RUNS, node, [job_id])
    assert str(run["notes"]).count("ZOMBIE") == 1
