"""Mutants of credits (R23) and of group commit (G1, R25, R27)."""

from tests.support.mutants.mutant import HERE, POSTGRES, Mutant

CREDITS = "tests/unit/job_service/test_credits.py"
GROUPS = "tests/unit/job_service/test_group_commit.py"
HOLD = "tests/unit/worker/test_hold.py"
NODE = "tests/unit/worker/test_node.py"
FAIR = f"{HERE}/test_fair_claims.py"
GROUPED = f"{HERE}/test_grouped_creates.py"
UNKNOWN = f"{HERE}/test_unknown_commits.py"

OF_TYPES = "job_service/domain/credits.py"
TOGETHER = "job_service/operations/group_commit.py"
CREATE = "job_service/operations/create_jobs.py"
NO_WORKER = f"{CREDITS}::test_without_a_worker_there_is_none"
ALONE = f"{GROUPS}::test_one_alone_goes_at_once"
EACH_TYPE = f"{FAIR}::test_each_type_is_claimed_up_to_the_slots_of_its_workers"
ONE_KEY = f"{GROUPED}::test_of_one_key_in_one_group_one_job_is_made"
A_JOB = "tests/unit/worker/test_lease.py::test_a_job_runs_and_its_record_is_decided"

_OF_CREDITS = (
    Mutant(
        "R23",
        "slots are counted against all that is in flight, not against the last claim",
        OF_TYPES,
        "free = sum(w.slots for w in workers) - sum(entry.due for entry in load.values())",
        "free = sum(w.slots for w in workers)",
        (f"{CREDITS}::test_never_more_than_there_is_room_for",),
        NO_WORKER,
    ),
    Mutant(
        "R23",
        "a type's slots too",
        OF_TYPES,
        "n - load.get(t, nothing).due, rooms.get(t, due)",
        "n, rooms.get(t, due)",
        (f"{CREDITS}::test_never_more_than_there_is_room_for",),
        NO_WORKER,
    ),
    Mutant(
        "R23",
        "the hold allowance is counted against all that is ahead",
        OF_TYPES,
        "free_holds = sum(w.hold_slots for w in workers) - sum(entry.ahead for entry in load.values())",
        "free_holds = sum(w.hold_slots for w in workers)",
        (f"{CREDITS}::test_what_is_held_takes_no_slot",),
        NO_WORKER,
    ),
    Mutant(
        "R23",
        "what is held is not counted as running",
        f"{POSTGRES}/claims.py",
        "count(*) FILTER (WHERE ready_at <= now()) AS due,",
        "count(*) AS due,",
        (f"{FAIR}::test_what_is_not_due_fills_the_hold_allowance_only",),
        EACH_TYPE,
    ),
    Mutant(
        "R23",
        "what is held takes no free slot",
        OF_TYPES,
        "ahead = max(0, min(limit, free_holds))",
        "ahead = max(0, min(limit, free))",
        (
            f"{CREDITS}::test_without_load_every_slot_is_a_credit",
            f"{CREDITS}::test_what_is_held_takes_no_slot",
        ),
        NO_WORKER,
    ),
    Mutant(
        "R23",
        "a worker whose renewals stay away has no credit",
        f"{POSTGRES}/claims.py",
        "WHERE role = 'worker' AND state = 'live' AND expires_at > clock_timestamp()) AS workers,",
        "WHERE role = 'worker' AND state = 'live') AS workers,",
        (f"{FAIR}::test_nothing_is_claimed_for_workers_that_are_not_there",),
        EACH_TYPE,
    ),
    Mutant(
        "R23",
        "a worker that drains has no slots",
        "worker_service/operations/beat_session.py",
        "slots=taken if draining else self._slots,",
        "slots=self._slots,",
        (f"{NODE}::test_a_worker_that_drains_reports_no_room",),
        A_JOB,
    ),
    Mutant(
        "R23",
        "a worker that drains has no hold allowance",
        "worker_service/operations/beat_session.py",
        "hold_slots=0 if draining else self._hold_slots,",
        "hold_slots=self._hold_slots,",
        (f"{NODE}::test_a_worker_that_drains_reports_no_room",),
        A_JOB,
    ),
    Mutant(
        "R23",
        "the best band is claimed first",
        f"{POSTGRES}/claims.py",
        "rows = [(t, band, n) for band in BANDS for",
        "rows = [(t, band, n) for band in reversed(BANDS) for",
        (f"{FAIR}::test_a_better_band_is_claimed_first",),
        EACH_TYPE,
    ),
    Mutant(
        "R23",
        "a worker promises no slot to what is not due",
        "worker_service/domain/room.py",
        "return self._slots.occupied + self._wheel.due()",
        "return self._slots.occupied + self._table.count(State.HELD)",
        (
            f"{HOLD}::test_what_is_held_takes_no_slot_until_it_is_due",
            f"{NODE}::test_the_counts_of_a_renewal",
        ),
        A_JOB,
    ),
    Mutant(
        "R23",
        "what is due has its slot promised",
        "worker_service/domain/room.py",
        "return self._slots.occupied + self._wheel.due()",
        "return self._slots.occupied",
        (f"{HOLD}::test_what_is_held_takes_no_slot_until_it_is_due",),
        A_JOB,
    ),
    Mutant(
        "R23",
        "the hold allowance has an end",
        "worker_service/domain/room.py",
        "return None if self._holds >= 0 else DeclineReason.NO_SLOT",
        "return None",
        (f"{HOLD}::test_slots_are_for_what_is_due_and_the_allowance_for_what_is_not",),
        A_JOB,
    ),
)

_OF_GROUPS = (
    Mutant(
        "R25",
        "each caller of a group has its own answer",
        TOGETHER,
        "zip(group, answers, strict=True)",
        "zip(group, reversed(answers), strict=True)",
        (
            f"{GROUPS}::test_what_comes_meanwhile_goes_together_and_in_order",
            f"{GROUPED}::test_each_caller_is_answered_with_its_own_job_which_is_there",
        ),
        ALONE,
    ),
    Mutant(
        "R27",
        "whoever came while a group was under way is of the next",
        TOGETHER,
        "            while self._waiting:\n",
        "            if self._waiting:\n",
        (f"{GROUPS}::test_what_comes_meanwhile_goes_together_and_in_order",),
        ALONE,
    ),
    Mutant(
        "R27",
        "whoever is too many for a group is not lost",
        TOGETHER,
        "await self._carry_out([self._waiting.popleft() for _ in range(count)])",
        "group = [self._waiting.popleft() for _ in range(count)]\n"
        "                self._waiting.clear()\n"
        "                await self._carry_out(group)",
        (f"{GROUPS}::test_two_groups_are_under_way_at_once_and_no_group_is_too_large",),
        ALONE,
    ),
    Mutant(
        "R27",
        "a group that failed is answered as failed",
        TOGETHER,
        "                    waiting.set_exception(error)\n",
        "                    waiting.cancel()\n",
        (f"{GROUPS}::test_an_error_is_raised_to_its_group_alone",),
        ALONE,
    ),
    Mutant(
        "R27",
        "what is under way has a bound",
        TOGETHER,
        "        if self._under_way < self._lanes:\n",
        "        if True:\n",
        (f"{GROUPS}::test_what_comes_meanwhile_goes_together_and_in_order",),
        ALONE,
    ),
    Mutant(
        "R25",
        "a create that the database refuses fails alone",
        CREATE,
        "            if refused is None:\n                raise\n            if len(jobs) == 1:\n",
        "            if refused is None or len(jobs) > 1:\n                raise\n"
        "            if len(jobs) == 1:\n",
        (f"{GROUPED}::test_one_that_the_database_refuses_fails_alone",),
        ONE_KEY,
    ),
    Mutant(
        "R25",
        "a create of an unknown type fails alone",
        CREATE,
        "    if fits is None:\n        return list(jobs), {}\n"
        "    judged = await fits([(job.job_type, job.payload) for job in jobs])\n",
        "    if fits is None:\n        return list(jobs), {}\n"
        "    judged = await fits([(job.job_type, job.payload) for job in jobs])\n"
        "    judged = [next(filter(None, judged), None)] * len(jobs)\n",
        (f"{GROUPED}::test_one_of_a_type_that_nobody_knows_fails_alone",),
        ONE_KEY,
    ),
    Mutant(
        "R27",
        "a commit that nobody heard of is no answer",
        CREATE,
        "                if tries == TRIES_AFTER_UNKNOWN:\n                    raise\n",
        "                if tries == TRIES_AFTER_UNKNOWN:\n                    return {}\n",
        (f"{UNKNOWN}::test_a_create_that_stays_unknown_says_so",),
        f"{UNKNOWN}::test_a_batch_is_created_once[comes late]",
    ),
)

MUTANTS = (*_OF_CREDITS, *_OF_GROUPS)
