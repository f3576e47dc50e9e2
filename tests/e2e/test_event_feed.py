"""`job-events` of a whole stack: what a subscriber sees of every history row, whoever dies meanwhile."""

from statistics import median
from typing import Any
from uuid import UUID

from shared.runtime.settings import Kafka
from tests.support.databases import run_coroutine
from tests.support.events import Seen, first_seen, seen
from tests.support.faults import kill, process_of
from tests.support.looking import count, rows, wait_all_settled
from tests.support.stacks import RunningStack, running_stack
from tests.support.waiting import wait_until

JOBS, BATCHES = 100, 6
SETTLED_WITHIN_SECONDS = 60.0
FED_WITHIN_SECONDS = 20.0
SCHEDULER_TTL_SECONDS = 5.0
MEDIAN_LATENCY_MS = 1_000.0

CARRIER = "SELECT node FROM event_feed WHERE node IS NOT NULL"
HISTORY = """
SELECT job_id, version, from_status, to_status, attempt, node, reason, actor,
       date_trunc('milliseconds', at) AS at
FROM job_history ORDER BY job_id, version
"""


def test_a_subscriber_sees_every_row_of_the_history_soon_and_in_order() -> None:
    with running_stack(env={"PUNCTUAL_WORKER__SLOTS": "200"}) as stack:
        ids = _create(stack, JOBS)
        wait_all_settled(stack, ids, within=SETTLED_WITHIN_SECONDS)
        records = _all_fed(stack)
        latencies = [r.appended_ms - r.event.at.timestamp() * 1_000 for r in records]
        print(f"events={len(records)} median={median(latencies):.0f}ms max={max(latencies):.0f}ms")
        assert median(latencies) <= MEDIAN_LATENCY_MS
        assert len(records) == count(stack, "SELECT count(*) FROM job_history"), (
            "no repeat in peace"
        )
        assert _is_true(stack, records)


def test_a_killed_carrier_loses_no_event_and_no_order() -> None:
    """The scheduler that carries the feed is killed while jobs run; another one takes over."""
    with running_stack(schedulers=2, env={"PUNCTUAL_WORKER__SLOTS": "200"}) as stack:
        ids = _create(stack, JOBS)
        wait_until(lambda: rows(stack, CARRIER), within=10, what="a carrier")
        for _ in range(BATCHES // 2):
            ids += _create(stack, JOBS)
        victim = rows(stack, CARRIER)[0]["node"]
        kill(stack, process_of(stack, victim))
        for _ in range(BATCHES // 2):
            ids += _create(stack, JOBS)
        wait_all_settled(stack, ids, within=SETTLED_WITHIN_SECONDS)
        records = _all_fed(stack)
        assert rows(stack, CARRIER)[0]["node"] != victim
        print(f"rows={count(stack, 'SELECT count(*) FROM job_history')} records={len(records)}")
        assert _is_true(stack, records)


def _create(stack: RunningStack, jobs: int) -> list[UUID]:
    return [UUID(job_id) for job_id in stack.create_many(jobs, payload={"sleepMs": 50})]


def _all_fed(stack: RunningStack) -> list[Seen]:
    """Wait until the topic has every row of the history; all records."""
    kafka = Kafka(bootstrap=stack.stack.plan.kafka_bootstrap)
    records: list[Seen] = []

    def complete() -> bool:
        records[:] = run_coroutine(seen(kafka))
        wanted = count(stack, "SELECT count(*) FROM job_history")
        return len({(r.event.job_id, r.event.version) for r in records}) >= wanted

    within = SCHEDULER_TTL_SECONDS + FED_WITHIN_SECONDS
    wait_until(complete, within=within, every=0.5, what="every row of the history on job-events")
    return records


def _is_true(stack: RunningStack, records: list[Seen]) -> bool:
    """Every row is there as the history has it, and each job's are in order once repeats are dropped."""
    events = {(r.event.job_id, r.event.version): r.event for r in records}
    history: list[Any] = rows(stack, HISTORY)
    assert set(events) == {(row["job_id"], row["version"]) for row in history}
    for row in history:
        event = events[row["job_id"], row["version"]]
        told = {
            "job_id": event.job_id,
            "version": event.version,
            "from_status": event.from_,
            "to_status": event.to,
            "attempt": event.attempt,
            "node": event.node,
            "reason": event.reason,
            "actor": event.actor,
            "at": event.at,
        }
        assert told == dict(row)
        assert event.job_type == "DUMMY"
    for job_id, versions in first_seen(records).items():
        assert versions == list(range(len(versions))), (job_id, versions)
    return True
