"""Ordering keys on a real stack: one at a time, in due order, whatever dies (R19).

Computed from history: of each key, who was held from when to when, and in which order they were claimed.
"""

import random
import time
from collections import defaultdict
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from uuid import UUID

import asyncpg

from tests.support.auditing import assert_clean
from tests.support.databases import run_coroutine
from tests.support.faults import kill, process_of
from tests.support.looking import count, rows, wait_all_settled
from tests.support.stacks import RunningStack, running_stack
from tests.support.waiting import wait_until

KEYS, JOBS_OF_A_KEY = 50, 20
BATCH = 250
SETTLED_WITHIN_SECONDS = 90.0
TTL_SECONDS = 4.0

HOLDER = """
SELECT worker FROM inflight WHERE worker IS NOT NULL GROUP BY 1 HAVING count(*) >= 5
ORDER BY count(*) DESC LIMIT 1
"""
DONE = "SELECT count(*) FROM jobs WHERE status = 'SUCCESS'"
JOBS = "SELECT id, ordering_key, due_at, lost, attempt FROM jobs"
HISTORY = "SELECT job_id, version, to_status, reason, at FROM job_history ORDER BY job_id, version"


def create_all(stack: RunningStack) -> list[UUID]:
    """In a random order, with random priorities, each due 5 ms after the one before it of its key."""
    first = datetime.now(UTC) + timedelta(seconds=2)
    bodies = [
        {
            "name": f"{key}/{n}",
            "jobType": "DUMMY",
            "payload": {"sleepMs": random.randint(20, 100)},
            "orderingKey": f"key {key}",
            "priority": random.randint(-100, 100),
            "scheduledTime": (first + timedelta(milliseconds=5 * n)).isoformat(),
        }
        for key in range(KEYS)
        for n in range(JOBS_OF_A_KEY)
    ]
    random.shuffle(bodies)
    ids: list[UUID] = []
    for at in range(0, len(bodies), BATCH):
        reply = stack.http.post("/api/v1/jobs/batch", json={"jobs": bodies[at : at + BATCH]})
        assert reply.status_code == 201, reply.text
        ids += [UUID(job["jobId"]) for job in reply.json()["data"]]
    assert datetime.now(UTC) < first
    return ids


def test_one_of_a_key_at_a_time_in_due_order_though_a_worker_is_killed() -> None:
    """R19: three workers, one is killed while jobs of many keys run on it."""
    env = {"PUNCTUAL_LEASE__TTL": str(TTL_SECONDS), "PUNCTUAL_CLAIM__LOOKAHEAD": "0.5"}
    with running_stack(workers=3, env=env) as stack:
        ids = create_all(stack)
        wait_until(lambda: count(stack, DONE) >= len(ids) / 4, within=60, what="a quarter to end")
        killed_at = kill(stack, process_of(stack, _holder(stack)))
        wait_all_settled(stack, ids, within=SETTLED_WITHIN_SECONDS)
        jobs = {job["id"]: job for job in rows(stack, JOBS)}
        again = sum(job["attempt"] > 1 for job in jobs.values())
        print(f"jobs={len(jobs)} again={again} settled={time.time() - killed_at:.1f}s")
        assert count(stack, DONE) == len(jobs) == KEYS * JOBS_OF_A_KEY
        assert again, "the killed worker had nothing"
        judge_keys(jobs, rows(stack, HISTORY))
        assert count(stack, "SELECT count(*) FROM ordering_keys") == 0
        run_coroutine(assert_clean(stack.stack.plan.database_url))


def _holder(stack: RunningStack) -> UUID:
    """The worker that holds the most right now, once one holds several: it must die holding some."""
    (row,) = wait_until(lambda: rows(stack, HOLDER), within=20, every=0.01, what="a busy worker")
    worker: UUID = row["worker"]
    return worker


def judge_keys(jobs: dict[UUID, asyncpg.Record], history: list[asyncpg.Record]) -> None:
    """Spans of holding do not meet within a key, and first claims are in the order of due times."""
    spans: defaultdict[str, list[tuple[datetime, datetime]]] = defaultdict(list)
    claims: defaultdict[str, list[tuple[datetime, datetime]]] = defaultdict(list)
    since: dict[UUID, datetime] = {}
    claimed: set[UUID] = set()
    for row in history:
        job = jobs[row["job_id"]]
        if row["reason"] == "claimed" and job["id"] not in claimed:
            claimed.add(job["id"])
            claims[job["ordering_key"]].append((row["at"], job["due_at"]))
        if row["reason"] in {"held", "started"}:
            since.setdefault(job["id"], row["at"])
        elif job["id"] in since:
            spans[job["ordering_key"]].append((since.pop(job["id"]), row["at"]))
    assert not since
    for key in spans:
        for before, after in pairwise(sorted(spans[key])):
            assert before[1] <= after[0], (key, before, after)
        due = [moment for _, moment in sorted(claims[key])]
        assert due == sorted(due), key
