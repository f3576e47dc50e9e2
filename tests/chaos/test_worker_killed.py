"""`kill -9` of a worker in the middle of its jobs."""

import time
from uuid import UUID

from tests.support.faults import kill, process_of
from tests.support.load import load_on
from tests.support.looking import count, rows, wait_all_settled
from tests.support.sink import Sink
from tests.support.stacks import RunningStack, running_stack
from tests.support.verdict import judge
from tests.support.waiting import wait_until

JOBS = 500
TTL_SECONDS = 10.0
"""The default of `PUNCTUAL_LEASE__TTL`."""
ELSEWHERE_WITHIN_SECONDS = TTL_SECONDS + 5.0
SETTLED_WITHIN_SECONDS = 30.0

LEASED = "SELECT count(*) FROM inflight WHERE worker IS NOT NULL"
HOLDERS = "SELECT worker, count(*) AS jobs FROM inflight WHERE worker IS NOT NULL GROUP BY 1 ORDER BY 2 DESC"
HELD_BY = "SELECT job_id, attempt FROM inflight WHERE worker = $1"
RUNS_OF = "SELECT job_id, attempt, node, started_at FROM executions WHERE job_id = ANY ($1)"


def test_the_jobs_of_a_killed_worker_run_elsewhere_within_ttl_and_5_s(sink: Sink) -> None:
    """G3, G6, R4, R15: three workers, one is killed and stays away; each of its jobs begins on another
    one in time, is counted as lost once, and is accepted once."""
    env = {"PUNCTUAL_WORKER__SLOTS": "200"}
    with running_stack(workers=3, env=env) as stack, load_on(stack, sink) as load:
        due = time.time() + 5.0
        load.create_at_once(JOBS, sleep_ms=(4_000, 5_000), due=(due, due))
        ids = load.ids()
        wait_until(
            lambda: count(stack, LEASED) >= JOBS * 0.9, within=30, what="the jobs to be leased"
        )
        victim: UUID = rows(stack, HOLDERS)[0]["worker"]
        killed_at = kill(stack, process_of(stack, victim))
        orphans = {row["job_id"]: row["attempt"] for row in rows(stack, HELD_BY, victim)}
        assert len(orphans) >= JOBS / 6

        wait_all_settled(stack, ids, within=TTL_SECONDS + SETTLED_WITHIN_SECONDS)
        verdict = judge(stack, ids, healed_at=killed_at, told=sink.told())
        latest = _latest_start(stack, orphans, victim)
        print(f"{verdict} orphans={len(orphans)} elsewhere={latest - killed_at:.1f}s")
        assert latest <= killed_at + ELSEWHERE_WITHIN_SECONDS
        assert (verdict.lost, verdict.again, verdict.failures) == (len(orphans), len(orphans), 0)


def _latest_start(stack: RunningStack, orphans: dict[UUID, int], victim: UUID) -> float:
    """When the last of the orphans began its next attempt."""
    starts: list[float] = [
        row["started_at"].timestamp()
        for row in rows(stack, RUNS_OF, list(orphans))
        if row["attempt"] > orphans[row["job_id"]] and row["node"] != victim
    ]
    assert len(starts) == len(orphans)
    return max(starts)
