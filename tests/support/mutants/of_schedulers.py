"""Mutants of the scheduler: R8 and R21."""

from tests.support.mutants.mutant import Mutant

SCHEDULER = "tests/unit/scheduler"
LEDGER = f"{SCHEDULER}/test_claim_ledger.py"
CLAIM = f"{SCHEDULER}/test_claim_due.py"
HELD = f"{SCHEDULER}/test_held_jobs.py"
BOUNDED = f"{LEDGER}::test_reports_are_bounded_and_the_oldest_goes"
SESSION = f"{SCHEDULER}/test_keep_session.py"

MUTANTS = (
    Mutant(
        "R8",
        "only what was answered is acknowledged",
        "scheduler_service/domain/claim_ledger.py",
        "            acked=self._acked,",
        "            acked=self._seq - 1,",
        (
            f"{LEDGER}::test_a_lost_reply_is_followed_by_a_new_seq_with_the_same_acked",
            f"{CLAIM}::test_jobs_of_a_lost_reply_come_with_the_next_and_are_held_once",
        ),
        BOUNDED,
    ),
    Mutant(
        "R8",
        "a long-poll that was given up counts as unanswered",
        "scheduler_service/operations/claim_due.py",
        "            if reply is None or self._session is not session:\n                return []",
        "            if reply is None or self._session is not session:\n"
        "                ledger.answered(request)\n                return []",
        (f"{CLAIM}::test_an_interrupted_long_poll_counts_as_unanswered",),
        BOUNDED,
    ),
    Mutant(
        "R8",
        "a claim that comes again is held once",
        "scheduler_service/domain/held_jobs.py",
        "            if key in self._held:\n                continue\n",
        "",
        (f"{HELD}::test_a_job_that_comes_again_is_not_put_in_twice",),
        BOUNDED,
    ),
    Mutant(
        "R21",
        "what was armed again after it was published is published again",
        "scheduler_service/domain/held_jobs.py",
        "            self._held.pop(key, None)",
        "            self._held.get(key)",
        (f"{HELD}::test_a_job_armed_again_after_it_was_published_is_published_again",),
        BOUNDED,
    ),
    Mutant(
        "R21",
        "where a record is, is told until a reply came",
        "scheduler_service/domain/claim_ledger.py",
        "            carried.append(report)\n",
        "            carried.append(report)\n"
        "        for report in carried:\n"
        "            del self._reports[(report.job_id, report.attempt)]\n",
        (f"{LEDGER}::test_a_record_is_reported_a_second_later_and_until_a_reply_came",),
        f"{SESSION}::test_each_round_beats_for_the_session",
    ),
    Mutant(
        "R4",
        "a scheduler that is told dead claims nothing under that node",
        "scheduler_service/operations/claim_due.py",
        "                session.declare_dead()\n                self._on_dead()\n",
        "                self._on_dead()\n",
        (f"{CLAIM}::test_a_dead_node_claims_nothing_until_it_is_another",),
        BOUNDED,
    ),
    Mutant(
        "R1",
        "an unanswered registration is repeated with the same id",
        "scheduler_service/operations/keep_session.py",
        "        asked_at = self._now()\n        reply = await self._register(",
        "        asked_at = self._now()\n        self._node = self._new_node_id()\n"
        "        reply = await self._register(",
        (f"{SESSION}::test_an_unanswered_registration_is_repeated_with_the_same_id",),
        BOUNDED,
    ),
)
