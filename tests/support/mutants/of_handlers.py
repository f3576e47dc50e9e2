"""Mutants of what stands between a handler and its job: how it ends, what it tells, what it is shown."""

from tests.support.mutants.mutant import HERE, POSTGRES, Mutant

TOLD = f"{HERE}/test_told_progress.py"
EPOCH = f"{HERE}/test_epoch.py"
ENDS = "tests/unit/worker/test_outcome.py"
RUNNING = "tests/unit/worker/test_told.py"
OUTCOME = "worker_service/domain/outcome.py"

MUTANTS = (
    Mutant(
        "R22",
        "the epoch rises with the timeline",
        f"{POSTGRES}/leases.py",
        "('x' || substr(pg_walfile_name(pg_current_wal_lsn()), 1, 8))::bit(32)::int",
        "1",
        (f"{EPOCH}::test_a_promotion_raises_the_epoch",),
    ),
    Mutant(
        "R22",
        "the token that targets are shown has the epoch before the attempt",
        "worker_service/handler_api.py",
        'return f"{self.job_id}.{self.epoch}.{self.attempt}"',
        'return f"{self.job_id}.{self.attempt}"',
        (f"{RUNNING}::test_a_handler_knows_its_token_and_its_deadline",),
    ),
    Mutant(
        "R3",
        "only the node of the attempt tells of it",
        f"{POSTGRES}/progress.py",
        "AND e.node = $1",
        "AND $1 IS NOT NULL",
        (f"{TOLD}::test_only_the_node_that_it_was_leased_to_tells_of_an_attempt",),
    ),
    Mutant(
        "R3",
        "an older word on how far it is replaces no newer one",
        f"{POSTGRES}/progress.py",
        "OR (e.progress ->> 'at')::timestamptz > (t.progress ->> 'at')::timestamptz",
        "OR false",
        (f"{TOLD}::test_an_older_word_does_not_replace_a_newer_one",),
    ),
    Mutant(
        "R3",
        "what handlers tell is kept until it is answered",
        "worker_service/operations/tell_progress.py",
        "notes.given_back(standing, lines)",
        "pass",
        (f"{RUNNING}::test_what_was_not_answered_is_told_again_in_order",),
    ),
    Mutant(
        "R5",
        "a type that must not go on in doubt is stopped when its session lapses",
        "worker_service/operations/stop_in_doubt.py",
        "if not self._node.session.expired():",
        "if not self._node.session.dead():",
        (f"{RUNNING}::test_in_doubt_a_type_that_must_not_run_twice_is_stopped_and_others_go_on",),
    ),
    Mutant(
        "R5",
        "others go on in doubt",
        "worker_service/operations/stop_in_doubt.py",
        "attempt.job_type in self._stopping",
        "self._stopping",
        (f"{RUNNING}::test_in_doubt_a_type_that_must_not_run_twice_is_stopped_and_others_go_on",),
    ),
    Mutant(
        "R7",
        "a permanent failure is not tried again",
        OUTCOME,
        "(isinstance(error, Fail) and error.permanent) or not policy.again(error)",
        "not policy.again(error)",
        (f"{ENDS}::test_each_way_to_fail_has_its_own_reason",),
    ),
    Mutant(
        "R7",
        "what a type never tries again is final",
        OUTCOME,
        "(isinstance(error, Fail) and error.permanent) or not policy.again(error)",
        "isinstance(error, Fail) and error.permanent",
        (f"{ENDS}::test_the_type_says_when_a_failure_is_tried_again",),
    ),
    Mutant(
        "R7",
        "a wait that the handler asks for goes before that of its type",
        OUTCOME,
        "    if wait is None:\n        wait = policy",
        "    if policy.waits or wait is None:\n        wait = policy",
        (f"{ENDS}::test_the_type_says_when_a_failure_is_tried_again",),
    ),
)
