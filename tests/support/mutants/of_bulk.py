"""Mutants of bulk actions: each job that matched exactly once, whoever dies, and nobody kept waiting."""

from tests.support.mutants.mutant import HERE, POSTGRES, Mutant

BULK = f"{HERE}/test_bulk_actions.py"
CHUNKS = f"{POSTGRES}/bulk_chunks.py"
RETRIED = f"{BULK}::test_all_that_match_are_retried_once_and_the_rest_is_left"

MUTANTS = (
    Mutant(
        "R10",
        "a bulk action changes a job at the version that matched",
        CHUNKS,
        "[version for _, version in mine]",
        "[None for _, version in mine]",
        (f"{BULK}::test_a_job_that_changed_since_it_matched_is_left_alone",),
        RETRIED,
    ),
    Mutant(
        "R10",
        "what failed after a bulk action began is not its own",
        CHUNKS,
        " AND j.finished_at <= $14",
        " AND $14::timestamptz IS NOT NULL",
        (f"{BULK}::test_what_failed_after_it_began_does_not_match",),
        RETRIED,
    ),
    Mutant(
        "R10",
        "transitions, outcomes and position of a chunk are one transaction",
        CHUNKS,
        "return await self._database.transaction(unit)",
        "return await self._database.run(unit)",
        (f"{BULK}::test_a_chunk_that_does_not_end_has_done_nothing",),
        RETRIED,
    ),
    Mutant(
        "R10",
        "what is noted late does not open an action that was stopped",
        CHUNKS,
        "WHERE id = $1 AND finished_at IS NULL FOR UPDATE",
        "WHERE id = $1 FOR UPDATE",
        (f"{BULK}::test_a_refusal_after_a_stop_does_not_open_it_again",),
        RETRIED,
    ),
    Mutant(
        "R11",
        "one replica works on a bulk action",
        CHUNKS,
        "ORDER BY look_at LIMIT 1 FOR UPDATE SKIP LOCKED",
        "ORDER BY look_at LIMIT 1",
        (f"{BULK}::test_two_replicas_never_work_on_one_action_at_once",),
        RETRIED,
    ),
    Mutant(
        "R11",
        "a bulk action waits for no locked job",
        CHUNKS,
        "ORDER BY id FOR UPDATE SKIP LOCKED",
        "ORDER BY id FOR UPDATE",
        (f"{BULK}::test_a_locked_job_is_not_waited_for_and_comes_later",),
        RETRIED,
    ),
)
