"""`kill -9` of a scheduler between claim and publish."""

import time
from uuid import UUID

from tests.support.faults import frozen, kill, last, process_of
from tests.support.load import load_on
from tests.support.looking import count, rows, wait_all_settled
from tests.support.sink import Sink
from tests.support.stacks import RunningStack, running_stack
from tests.support.verdict import Verdict, judge
from tests.support.waiting import wait_until

JOBS = 300
"""Their records fit into what the kernel keeps for a broker that reads nothing; more would die with the
process."""
SCHEDULER_TTL_SECONDS = 5.0
"""The default of `PUNCTUAL_LEASE__SCHEDULER_TTL`."""
LOOKAHEAD_SECONDS = 4.0
"""More than the default: what is claimed waits in the wheel long enough to kill its scheduler."""
SENT_AFTER_SECONDS = 0.5
"""After their due time the records are on their way: they are sent a tenth of a second before it."""
TAKEN_OVER_WITHIN_SECONDS = SCHEDULER_TTL_SECONDS + 5.0
SETTLED_WITHIN_SECONDS = 30.0

CLAIMED = """
SELECT scheduler, count(*) AS jobs FROM inflight WHERE scheduler IS NOT NULL AND record_offset IS NULL
GROUP BY 1 ORDER BY 2 DESC
"""
CLAIMED_BY = "SELECT job_id FROM inflight WHERE scheduler = $1"
STARTS = "SELECT max(started_at) AS latest, max(attempt) AS attempt FROM executions WHERE job_id = ANY ($1)"
RECORDS = "SELECT coalesce(sum(end_offset), 0)::bigint FROM topic_positions"

ENV = {"PUNCTUAL_WORKER__SLOTS": "300", "PUNCTUAL_CLAIM__LOOKAHEAD": f"{LOOKAHEAD_SECONDS}s"}


def test_what_a_killed_scheduler_had_claimed_is_published_by_another_within_ttl_and_5_s(
    sink: Sink,
) -> None:
    """G3, G6, R6, R7: two schedulers; the one that holds most of the look-ahead in its wheel is killed
    before anything of it is due. The other one publishes the same attempts in time, and nothing counts as
    lost: nobody had leased it."""
    with running_stack(workers=2, schedulers=2, env=ENV) as stack, load_on(stack, sink) as load:
        due = time.time() + LOOKAHEAD_SECONDS + 3.0
        load.create_at_once(JOBS, sleep_ms=(200, 2_000), due=(due, due))
        ids = load.ids()
        victim = _who_claimed_most(stack)
        killed_at = kill(stack, process_of(stack, victim))
        assert killed_at < due - 0.2, "too late: it may have published"
        orphans = [row["job_id"] for row in rows(stack, CLAIMED_BY, victim)]
        assert len(orphans) >= JOBS / 3

        verdict = _judge(stack, ids, sink, killed_at)
        (starts,) = rows(stack, STARTS, orphans)
        taken_over = starts["latest"].timestamp() - killed_at
        print(f"{verdict} orphans={len(orphans)} taken_over={taken_over:.1f}s")
        assert taken_over <= TAKEN_OVER_WITHIN_SECONDS
        assert starts["attempt"] == 1, "the same attempt is published, not a new one"
        assert (verdict.lost, verdict.again, verdict.failures) == (0, 0, 0)


def test_what_a_killed_scheduler_had_sent_and_not_heard_of_starts_once(sink: Sink) -> None:
    """G2, R1, R7, and C7 of the crash points: the broker stands still while the records are sent, until their
    scheduler is dead and the other one has sent the same attempts again. It then reads both: each
    starts once."""
    with running_stack(workers=2, schedulers=2, env=ENV) as stack, load_on(stack, sink) as load:
        due = time.time() + LOOKAHEAD_SECONDS + 3.0
        load.create_at_once(JOBS, sleep_ms=(200, 2_000), due=(due, due))
        ids = load.ids()
        victim = _who_claimed_most(stack)
        with frozen(stack, "kafka"):
            last(SENT_AFTER_SECONDS, since=due)
            killed_at = kill(stack, process_of(stack, victim))
            last(SCHEDULER_TTL_SECONDS + 3.0, since=killed_at)
        verdict = _judge(stack, ids, sink, time.time())
        wait_until(lambda: count(stack, RECORDS) > JOBS, within=10, what="records to be counted")
        print(f"{verdict} records={count(stack, RECORDS)}")
        assert verdict.seconds <= SETTLED_WITHIN_SECONDS
        assert (verdict.lost, verdict.again, verdict.failures) == (0, 0, 0)


def _who_claimed_most(stack: RunningStack) -> UUID:
    """Wait until nearly all jobs are claimed; by whom most of them."""

    def mostly() -> bool:
        return sum(int(row["jobs"]) for row in rows(stack, CLAIMED)) >= JOBS * 0.9

    wait_until(mostly, within=30, what="the look-ahead to be claimed")
    claimant: UUID = rows(stack, CLAIMED)[0]["scheduler"]
    return claimant


def _judge(stack: RunningStack, ids: list[UUID], sink: Sink, since: float) -> Verdict:
    wait_all_settled(stack, ids, within=SCHEDULER_TTL_SECONDS + SETTLED_WITHIN_SECONDS)
    return judge(stack, ids, healed_at=since, told=sink.told())
