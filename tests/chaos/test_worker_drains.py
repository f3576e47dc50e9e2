"""SIGTERM of a worker with running jobs."""

import signal
import subprocess
import time

from punctual.local import processes
from tests.support.looking import rows, wait_all_settled
from tests.support.nodes import node_of, plant_soon, wait_dead, wait_running
from tests.support.sink import Sink
from tests.support.stacks import RunningStack, running_stack
from tests.support.verdict import judge

DRAIN_SECONDS = 4.0
SHORT, LONG = 400, 100
EXIT_LIMIT_SECONDS = DRAIN_SECONDS + 30.0
SETTLED_WITHIN_SECONDS = 30.0

BY_STATUS = "SELECT status, count(*) AS runs FROM executions WHERE node = $1 GROUP BY status"
RELEASES = """
SELECT DISTINCT reason, from_status, to_status FROM job_history
WHERE node = $1 AND reason = 'shutdown'
"""


def test_what_runs_at_sigterm_is_finished_or_released(sink: Sink) -> None:
    """G2, section 4.10: what ends within the drain is reported by the node, the rest is given back and runs
    elsewhere; `failures` and `lost` stay 0, and the process leaves with exit code 0."""
    env = {"PUNCTUAL_WORKER__DRAIN": f"{DRAIN_SECONDS}s", "PUNCTUAL_WORKER__SLOTS": "600"}
    with running_stack(workers=2, env=env) as stack:
        ids = plant_soon(stack, SHORT, "SINK", {"port": sink.port, "sleep_ms": 3_000})
        ids += plant_soon(stack, LONG, "SINK", {"port": sink.port, "sleep_ms": 8_000})
        wait_running(stack, ids, within=20)
        node, process = node_of(stack, "worker-1"), _process(stack, "worker-1")
        asked_at = time.time()
        stack.stack.kill("worker-1", signal.SIGTERM)
        assert process.wait(EXIT_LIMIT_SECONDS) == 0
        ended_after = time.time() - asked_at
        assert wait_dead(stack, node, within=5) == "left"

        wait_all_settled(stack, ids, within=SETTLED_WITHIN_SECONDS)
        verdict = judge(stack, ids, healed_at=asked_at, told=sink.told())
        runs = {row["status"]: row["runs"] for row in rows(stack, BY_STATUS, node)}
        print(f"{verdict} of the worker that ended: {runs}, exit after {ended_after:.1f}s")
        assert runs.keys() == {"SUCCESS", "RELEASED"}
        assert (verdict.lost, verdict.failures, verdict.again) == (0, 0, runs["RELEASED"])
        assert [tuple(row) for row in rows(stack, RELEASES, node)] == [
            ("shutdown", "RUNNING", "SCHEDULED")
        ]


def _process(stack: RunningStack, name: str) -> subprocess.Popen[bytes]:
    """The process itself, to be asked for its exit code."""
    pid = stack.stack.pid(name)
    assert pid is not None
    return processes._children[pid]
