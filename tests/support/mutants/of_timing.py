"""Mutants of the way of a job to its due time: wheel, lead, look-ahead and hold (R5, R20, R23, R26)."""

from tests.support.mutants.mutant import HERE, POSTGRES, Mutant

WHEEL = "tests/unit/scheduler/test_timer_wheel.py"
HELD = "tests/unit/scheduler/test_held_jobs.py"
PUBLISH = "tests/unit/scheduler/test_publish_due.py"
HOLD = "tests/unit/worker/test_hold.py"
LEAD = "tests/unit/scheduler/test_lead.py"
LATENESS = f"{HERE}/test_lateness.py"
LEASE = "tests/unit/worker/test_lease.py"
RUN = "tests/unit/worker/test_run.py"
NODE = "tests/unit/worker/test_node.py"
FAIR = f"{HERE}/test_fair_claims.py"
POLLS = f"{HERE}/test_long_polls.py"
CANCELS = f"{HERE}/test_cancel_asked.py"

SCHEDULER_WHEEL = "scheduler_service/domain/timer_wheel.py"
FORGETS = f"{WHEEL}::test_clear_forgets_everything"
A_JOB = f"{LEASE}::test_a_job_runs_and_its_record_is_decided"
EACH_TYPE = f"{FAIR}::test_each_type_is_claimed_up_to_the_slots_of_its_workers"

_OF_THE_WHEEL = (
    Mutant(
        "R5",
        "nothing leaves the wheel before its time",
        SCHEDULER_WHEEL,
        "number = -(-at_us // BUCKET_US)",
        "number = at_us // BUCKET_US",
        (f"{WHEEL}::test_nothing_comes_out_before_its_time_nor_a_bucket_after_it",),
        FORGETS,
    ),
    Mutant(
        "R5",
        "what is late when it comes into the wheel leaves it at once",
        SCHEDULER_WHEEL,
        "while self._order and self._order[0] * BUCKET_US <= now_us:",
        "while self._order and self._order[0] == now_us // BUCKET_US:",
        (
            f"{WHEEL}::test_nothing_comes_out_before_its_time_nor_a_bucket_after_it",
            f"{WHEEL}::test_within_a_bucket_the_order_added_stays",
        ),
        FORGETS,
    ),
    Mutant(
        "R5",
        "all of one millisecond leave the wheel",
        SCHEDULER_WHEEL,
        "        if bucket is None:\n            self._buckets[number] = bucket = []\n",
        "        if True:\n            self._buckets[number] = bucket = []\n",
        (f"{WHEEL}::test_nothing_comes_out_before_its_time_nor_a_bucket_after_it",),
        FORGETS,
    ),
    Mutant(
        "R5",
        "the wheel asks to be turned for its earliest",
        SCHEDULER_WHEEL,
        "return self._order[0] * BUCKET_US if self._order else None",
        "return max(self._order) * BUCKET_US if self._order else None",
        (f"{WHEEL}::test_a_sleeper_that_only_wakes_for_the_next_bucket_gets_everything_in_order",),
        FORGETS,
    ),
    Mutant(
        "R8",
        "a job that was rescheduled is held beside its earlier attempt",
        "scheduler_service/domain/held_jobs.py",
        "return (job.job_id, job.attempt)",
        "return (job.job_id, 1)",
        (f"{HELD}::test_another_attempt_of_a_held_job_is_another_thing",),
        FORGETS,
    ),
)

_OF_THE_LEAD = (
    Mutant(
        "R5",
        "a job is published by its lead before it is due",
        "scheduler_service/domain/held_jobs.py",
        "self._wheel.add(microseconds(job.due_at) - lead_us, job)",
        "self._wheel.add(microseconds(job.due_at), job)",
        (f"{HELD}::test_a_job_comes_out_at_its_due_time_minus_the_lead",),
        FORGETS,
    ),
    Mutant(
        "R5",
        "and not as soon as it is claimed",
        "scheduler_service/domain/held_jobs.py",
        "self._wheel.add(microseconds(job.due_at) - lead_us, job)",
        "self._wheel.add(0, job)",
        (
            f"{HELD}::test_a_job_comes_out_at_its_due_time_minus_the_lead",
            f"{PUBLISH}::test_it_publishes_what_is_due_and_sets_the_alarm_for_the_next",
        ),
        FORGETS,
    ),
    Mutant(
        "R5",
        "the lead follows how long records take",
        "scheduler_service/domain/lead.py",
        "if seconds_to_lease is not None:",
        "if seconds_to_lease is None:",
        (f"{LEAD}::test_what_is_held_after_the_news_is_published_that_much_earlier",),
        FORGETS,
    ),
    Mutant(
        "R5",
        "and no record, forged or not, makes it longer than its most",
        "scheduler_service/domain/lead.py",
        "min(max(seconds_to_lease * RESERVE, self._least), self._most)",
        "max(seconds_to_lease * RESERVE, self._least)",
        (f"{LEAD}::test_it_is_half_as_long_again_within_its_bounds",),
        FORGETS,
    ),
    Mutant(
        "R5",
        "a claim tells what records took lately",
        "job_service/operations/lease_attempts.py",
        'self._ways.note((stamp - row["published_at"]).total_seconds())',
        "self._ways.note(0.0)",
        (f"{LATENESS}::test_a_claim_is_told_how_long_records_take",),
        f"{LATENESS}::test_an_execution_keeps_the_way_to_its_lease",
    ),
    Mutant(
        "R7",
        "what is published again before its decline is answered is asked for again",
        "worker_service/operations/lease_attempts.py",
        "        attempt.decided(records)\n",
        "        attempt.decided()\n",
        (f"{LEASE}::test_a_record_that_comes_after_a_decline_was_asked_for_is_asked_for_itself",),
        A_JOB,
    ),
    Mutant(
        "R5",
        "the alarm is set for what the wheel holds",
        "scheduler_service/operations/publish_due.py",
        "        if pause is not None:\n",
        "        if pause is None:\n            pause = 1.0\n",
        (f"{PUBLISH}::test_it_publishes_what_is_due_and_sets_the_alarm_for_the_next",),
        FORGETS,
    ),
    Mutant(
        "R23",
        "nothing is claimed beyond the look-ahead",
        f"{POSTGRES}/claims.py",
        "AND due.dispatch_at > now() AND due.dispatch_at <= now() + $11 * interval '1 second'",
        "AND due.dispatch_at > now()",
        (f"{FAIR}::test_nothing_is_claimed_beyond_the_look_ahead",),
        EACH_TYPE,
    ),
    Mutant(
        "R26",
        "a create that is due inside the look-ahead rings",
        f"{POSTGRES}/jobs.py",
        "born.dispatch_at <= now() + $15 * interval '1 second' AS soon",
        "born.dispatch_at <= now() + 0 * $15 * interval '1 second' AS soon",
        (f"{POLLS}::test_a_create_that_is_due_soon_wakes_the_claim_that_waits",),
        f"{POLLS}::test_a_create_wakes_the_claim_that_waits",
    ),
)

_OF_HOLDS = (
    Mutant(
        "R5",
        "what is held waits for its due time",
        "worker_service/domain/hold_wheel.py",
        "                if wait > 0:\n                    return wait\n",
        "",
        (f"{HOLD}::test_nothing_is_due_before_its_time_and_the_earliest_is_first",),
        A_JOB,
    ),
    Mutant(
        "R5",
        "of what is held the earliest due begins first",
        "worker_service/domain/hold_wheel.py",
        "(attempt.due_at.timestamp(), next(self._order), attempt)",
        "(next(self._order), next(self._order), attempt)",
        (f"{HOLD}::test_nothing_is_due_before_its_time_and_the_earliest_is_first",),
        A_JOB,
    ),
    Mutant(
        "R20",
        "what was given back does not come due",
        "worker_service/domain/hold_wheel.py",
        "            attempt = self._due.popleft()\n            if attempt.state is State.HELD:\n",
        "            attempt = self._due.popleft()\n            if attempt is not None:\n",
        (f"{HOLD}::test_what_was_given_back_while_it_was_held_never_comes_due",),
        A_JOB,
    ),
    Mutant(
        "R20",
        "a cancel takes back what is held",
        "worker_service/operations/obey_cancels.py",
        "        if attempt.state is State.HELD:\n",
        "        if attempt.state is State.ASKING:\n",
        (f"{RUN}::test_cancels_reach_held_and_running_ones",),
        A_JOB,
    ),
    Mutant(
        "R20",
        "what is leased with a cancel is not held",
        "worker_service/operations/take_grant.py",
        "elif lease.cancel_requested or attempt.cancel_asked:",
        "elif attempt.cancel_asked:",
        (f"{RUN}::test_a_lease_that_comes_with_a_cancel_starts_nothing",),
        A_JOB,
    ),
    Mutant(
        "R4",
        "what a dead node holds never starts",
        "worker_service/operations/keep_node.py",
        '                self._executions.left(attempt, "LOST", self._clock.at_least())\n'
        "                self._table.remove(attempt, remember=True)\n",
        '                self._executions.left(attempt, "LOST", self._clock.at_least())\n',
        (f"{NODE}::test_a_held_one_of_a_dead_node_never_starts",),
        A_JOB,
    ),
    Mutant(
        "R23",
        "a drain gives back what is held",
        "worker_service/operations/drain.py",
        "        self._give_back_held()\n",
        "",
        (f"{NODE}::test_a_drain_finishes_or_releases",),
        A_JOB,
    ),
    Mutant(
        "R23",
        "what is due and gets no slot is given back",
        "worker_service/domain/hold_wheel.py",
        "now - attempt.due_since > after_seconds",
        "now - attempt.due_since > 1_000 * after_seconds",
        (f"{LEASE}::test_a_due_job_without_a_slot_is_given_back",),
        A_JOB,
    ),
    Mutant(
        "R5",
        "what is leased ahead of its time is held, not RUNNING",
        f"{POSTGRES}/leases.py",
        "status = CASE WHEN j.ready_at <= statement_timestamp() THEN 'RUNNING' ELSE 'SCHEDULED' END,",
        "status = 'RUNNING',",
        (f"{HERE}/test_lateness.py::test_a_start_that_is_told_alone_says_when_the_handler_began",),
        f"{CANCELS}::test_success_wins[running]",
    ),
)

MUTANTS = (*_OF_THE_WHEEL, *_OF_THE_LEAD, *_OF_HOLDS)
