"""Mutants of the worker: R1 to R3, R5, R21, R23, R28, and what may be committed."""

from tests.support.mutants.mutant import Mutant

WORKER = "tests/unit/worker"
LEASE = f"{WORKER}/test_lease.py"
NODE = f"{WORKER}/test_node.py"
RUN = f"{WORKER}/test_run.py"
LAST = f"{WORKER}/test_last_check.py"
OFFSETS = f"{WORKER}/test_offset_tracker.py"
OPERATIONS = "worker_service/operations"
A_JOB = f"{LEASE}::test_a_job_runs_and_its_record_is_decided"

MUTANTS = (
    Mutant(
        "R1",
        "a lease without an answer is asked for again with the same items",
        f"{OPERATIONS}/lease_attempts.py",
        "asking = self._asking = self._asking or self._gather()",
        "asking = self._asking = self._gather()",
        (f"{LEASE}::test_a_lost_lease_reply_is_asked_for_again_and_starts_once",),
        A_JOB,
    ),
    Mutant(
        "R1",
        "an attempt that was here is not asked for again",
        f"{OPERATIONS}/decide_records.py",
        "if here is None and not self._table.remembers(key):",
        "if here is None:",
        (
            f"{LEASE}::test_the_same_record_a_hundred_times_runs_once",
            f"{NODE}::test_a_comparison_releases_what_is_unknown_here",
        ),
        A_JOB,
    ),
    Mutant(
        "R2",
        "a comparison stops what is not named",
        f"{OPERATIONS}/compare_holdings.py",
        "if key in named or self._table.get(key) is not attempt:",
        "if True:",
        (f"{NODE}::test_a_comparison_stops_what_is_not_ours_any_more",),
        A_JOB,
    ),
    Mutant(
        "R2",
        "a comparison stops only what was held before it was asked",
        f"{OPERATIONS}/compare_holdings.py",
        "        self._clock.heard(reply.now, asked_at=asked_at)\n",
        "        self._clock.heard(reply.now, asked_at=asked_at)\n"
        "        held_before = self._table.held_by(self._node)\n",
        (f"{NODE}::test_a_comparison_leaves_alone_what_was_granted_while_it_was_asked",),
        A_JOB,
    ),
    Mutant(
        "R2",
        "what is named and unknown is released",
        f"{OPERATIONS}/compare_holdings.py",
        "        self._release(unknown)\n",
        "",
        (f"{NODE}::test_a_comparison_releases_what_is_unknown_here",),
        A_JOB,
    ),
    Mutant(
        "R2",
        "what is released is never started here",
        f"{OPERATIONS}/release_attempts.py",
        "            self._table.remember((ref.job_id, ref.attempt))\n",
        "",
        (f"{NODE}::test_a_comparison_releases_what_is_unknown_here",),
        A_JOB,
    ),
    Mutant(
        "R3",
        "a result is kept until it is answered",
        f"{OPERATIONS}/report_outcomes.py",
        "        asked_at = self._now()\n        try:\n            reply = await self._calls.report(request)",
        "        asked_at = self._now()\n        for tale, _, _ in sent:\n            self._forget(tale)\n"
        "        try:\n            reply = await self._calls.report(request)",
        (f"{RUN}::test_a_result_is_kept_until_it_is_answered",),
        A_JOB,
    ),
    Mutant(
        "R5",
        "nothing begins past the own expiry",
        f"{OPERATIONS}/run_handler.py",
        "        if self.node.session.expired():\n            return Refusal.EXPIRED\n",
        "",
        (
            f"{LAST}::test_nothing_begins_past_the_own_expiry",
            f"{LAST}::test_nothing_begins_under_a_dead_node",
        ),
        A_JOB,
    ),
    Mutant(
        "R5",
        "nothing begins past its deadline",
        f"{OPERATIONS}/run_handler.py",
        "        if now() >= self.attempt.deadline:\n            return Refusal.DEADLINE\n",
        "",
        (f"{LAST}::test_nothing_begins_past_the_deadline_of_the_attempt",),
        A_JOB,
    ),
    Mutant(
        "R5",
        "due is looked at in the same breath as the start",
        f"{OPERATIONS}/run_handler.py",
        "        self.started_at = clock.stamp_after(self.attempt.due_at)\n",
        "        self.started_at = clock.at_least()\n",
        (
            f"{LAST}::test_nothing_begins_before_the_bound_of_the_database_clock_reached_its_due_time",
            f"{LAST}::test_a_clock_that_was_set_back_meanwhile_holds_it",
        ),
        A_JOB,
    ),
    Mutant(
        "R5",
        "due comes from the lease, not from the record",
        f"{OPERATIONS}/take_grant.py",
        "        attempt.due_at = lease.due_at or attempt.due_at\n",
        "",
        (f"{LEASE}::test_the_due_time_of_a_record_is_not_believed",),
        A_JOB,
    ),
    Mutant(
        "R5",
        "a worker's session counts from before it registered",
        f"{OPERATIONS}/keep_node.py",
        "str(node_id), registered_at=asked_at, ttl_seconds=reply.ttl_seconds, now=self._now",
        "str(node_id), registered_at=self._now(), ttl_seconds=reply.ttl_seconds, now=self._now",
        (f"{NODE}::test_a_session_counts_from_before_the_registration_was_asked",),
        A_JOB,
    ),
    Mutant(
        "R21",
        "a position is never beyond what is committed",
        "worker_service/domain/offset_tracker.py",
        "committed=min(tracker.committed or 0, tracker.end),",
        "committed=tracker.end,",
        (f"{OFFSETS}::test_positions_name_every_assigned_topic_partition",),
        A_JOB,
    ),
    Mutant(
        "R23",
        "a type that is unknown here is declined",
        "worker_service/domain/room.py",
        "        if attempt.job_type not in self._types:\n            return DeclineReason.UNKNOWN_TYPE\n",
        "",
        (f"{LEASE}::test_what_cannot_run_here_is_declined",),
        A_JOB,
    ),
    Mutant(
        "R23",
        "what has no slot here is declined",
        "worker_service/domain/room.py",
        "return None if self._slots >= 0 else DeclineReason.NO_SLOT",
        "return None",
        (f"{LEASE}::test_what_cannot_run_here_is_declined",),
        A_JOB,
    ),
    Mutant(
        "R28",
        '"your node is dead" decides nothing',
        f"{OPERATIONS}/lease_attempts.py",
        "        if not reply.live:\n            self._take_back(asking)\n",
        "        if not reply.live:\n            self._asking = None\n"
        "            for attempt in asking.attempts:\n"
        "                attempt.decided()\n                self._table.remove(attempt, remember=False)\n",
        (f"{LEASE}::test_a_dead_node_decides_nothing",),
        A_JOB,
    ),
    Mutant(
        "R28",
        "no offset is committed before the decision",
        f"{OPERATIONS}/decide_records.py",
        "            self._leases.want(attempt)\n",
        "            attempt.decided()\n            self._leases.want(attempt)\n",
        (f"{LEASE}::test_a_record_waits_for_the_decision",),
        A_JOB,
    ),
    Mutant(
        "R28",
        "only the contiguous decided prefix is committed",
        "worker_service/domain/offset_tracker.py",
        "return self._undecided[0] if self._undecided else self.next_read",
        "return self.next_read",
        (
            f"{OFFSETS}::test_a_decision_ahead_does_not_move_the_prefix",
            f"{LEASE}::test_a_record_waits_for_the_decision",
        ),
        A_JOB,
    ),
    Mutant(
        "R28",
        "a commit of a generation that is over is not noted",
        "worker_service/domain/offset_tracker.py",
        "        if generation != self.generation:\n            return\n",
        "",
        (f"{OFFSETS}::test_a_commit_of_an_older_generation_is_not_noted",),
        A_JOB,
    ),
)
