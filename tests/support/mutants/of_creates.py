"""Mutants of creates, of changes by clients, and of long-polls: R17, R24 to R27."""

from tests.support.mutants.mutant import FENCING, HERE, POSTGRES, Mutant

BY_HAND = f"{HERE}/test_by_hand.py"
KEYS = f"{HERE}/test_idempotency_keys.py"
LATENESS = f"{HERE}/test_lateness.py"
POLLS = f"{HERE}/test_long_polls.py"
UNKNOWN = f"{HERE}/test_unknown_commits.py"
BELL = "tests/unit/job_service/test_doorbell.py"

ONE_KEY = f"{KEYS}::test_a_key_twice_in_one_batch_makes_one_job"
ENDS_EMPTY = f"{POLLS}::test_a_wait_ends_empty_after_its_time"
SAYS_SO = f"{UNKNOWN}::test_a_create_that_stays_unknown_says_so"
ONCE = f"{BY_HAND}::test_a_token_ends_its_attempt_once"

MUTANTS = (
    Mutant(
        "R17",
        "only its token ends an attempt that was started by hand",
        "job_service/operations/change_by_client.py",
        'if holder is None or token is None or not _fits(holder["token_hash"], token):',
        "if holder is None:",
        (
            f"{BY_HAND}::test_without_the_right_token_it_does_not_end",
            f"{BY_HAND}::test_the_token_of_an_attempt_before_is_worthless",
        ),
        ONCE,
    ),
    Mutant(
        "R17",
        "only a free job is started by hand",
        f"{POSTGRES}/client_changes.py",
        "AND j.node IS NULL AND j.status = 'SCHEDULED' AND {OUT_OF_LINE}",
        "AND j.status = 'SCHEDULED' AND {OUT_OF_LINE}",
        (f"{BY_HAND}::test_only_what_is_scheduled_and_free_is_started_by_hand",),
        ONCE,
    ),
    Mutant(
        "R24",
        "startedAt is when the handler began, not when that was told",
        f"{POSTGRES}/reports.py",
        "        started_at = t.started_at, updated_at = clock_timestamp()\n    FROM told AS t",
        "        started_at = clock_timestamp(), updated_at = clock_timestamp()\n    FROM told AS t",
        (f"{LATENESS}::test_a_start_that_is_told_alone_says_when_the_handler_began",),
        f"{LATENESS}::test_a_further_attempt_has_a_due_time_of_its_own",
    ),
    Mutant(
        "R24",
        "`at` in history is when the row was recorded",
        f"{POSTGRES}/transition.py",
        "SELECT id, version, prev_status, status, attempt, by_node, clock_timestamp(), reason, actor,",
        "SELECT id, version, prev_status, status, attempt, by_node, statement_timestamp() - interval "
        "'1 minute', reason, actor,",
        (f"{LATENESS}::test_a_start_is_judged_by_when_the_handler_began",),
        f"{LATENESS}::test_a_further_attempt_has_a_due_time_of_its_own",
    ),
    Mutant(
        "R25",
        "keys are taken in one order",
        f"{POSTGRES}/jobs.py",
        "AS k (key, body_hash, job_id) ORDER BY k.key",
        "AS k (key, body_hash, job_id)",
        (
            f"{KEYS}::test_two_batches_with_the_same_keys_in_opposite_orders_do_not_wait_in_a_circle",
        ),
        ONE_KEY,
    ),
    Mutant(
        "R25",
        "who has a key is read after the insert, by a statement of its own",
        "job_service/operations/create_jobs.py",
        "        made, refused = await self._one_by_one([job for job in firsts if job.id not in unfit])\n"
        "        refused.update(unfit)\n"
        "        owners, found = await self._taken([job for job in jobs if job.id not in made])\n",
        "        owners, found = await self._taken(jobs)\n"
        "        made, refused = await self._one_by_one([job for job in firsts if job.id not in unfit])\n"
        "        refused.update(unfit)\n",
        (f"{KEYS}::test_the_loser_sees_a_winner_that_commits_while_it_waits",),
        ONE_KEY,
    ),
    Mutant(
        "R25",
        "another body under a taken key is refused",
        "job_service/operations/create_jobs.py",
        "    if body_hash != job.body_hash:\n        return KeyReused(key)\n",
        "",
        (f"{KEYS}::test_another_body_under_the_same_key_is_refused",),
        f"{KEYS}::test_the_key_of_a_winner_that_was_rolled_back_is_free",
    ),
    Mutant(
        "R26",
        "a ring between the look and the wait is heard",
        "job_service/operations/claim_due.py",
        "                await wait(rung, min(left, pause))",
        "                rung.clear()\n                await wait(rung, min(left, pause))",
        (f"{POLLS}::test_what_is_created_between_look_and_wait_is_seen",),
        ENDS_EMPTY,
    ),
    Mutant(
        "R26",
        "whoever waits looks again each second",
        "job_service/operations/claim_due.py",
        "                await wait(rung, min(left, pause))",
        "                await wait(rung, left)",
        (f"{POLLS}::test_whoever_waits_looks_again_each_second",),
        ENDS_EMPTY,
    ),
    Mutant(
        "R26",
        "a ring wakes one",
        "job_service/operations/doorbell.py",
        "                event.set()\n                return\n",
        "                event.set()\n",
        (f"{BELL}::test_a_ring_wakes_one_and_the_next_ring_the_next",),
        ENDS_EMPTY,
    ),
    Mutant(
        "R26",
        "who was not connected looks again after the reconnect",
        f"{POSTGRES}/notifier.py",
        "                bell.wake_all()\n",
        "                bell.closed\n",
        (f"{POLLS}::test_rings_that_were_missed_are_made_up_for_after_a_reconnect",),
        ENDS_EMPTY,
    ),
    Mutant(
        "R27",
        "after an unknown commit of a change it is looked for, not tried blindly",
        "job_service/operations/change_by_client.py",
        "        except Unknown:\n            if not await self._store.done_by(wanted):\n"
        "                job = await statement(wanted)\n"
        "                # Refused: by the first try perhaps, which came through after it was looked for.\n"
        "                if job is not None or not await self._store.done_by(wanted):\n"
        "                    return job\n",
        "        except Unknown:\n            return await statement(wanted)\n",
        (
            f"{UNKNOWN}::test_a_cancel_is_answered_as_done[reply lost]",
            f"{UNKNOWN}::test_a_change_is_answered_as_done[reply lost]",
        ),
        SAYS_SO,
    ),
    Mutant(
        "R27",
        "what took effect only after it was looked for is found too",
        "job_service/operations/change_by_client.py",
        "if job is not None or not await self._store.done_by(wanted):",
        "if True:",
        (f"{UNKNOWN}::test_a_change_is_answered_as_done[comes late]",),
        SAYS_SO,
    ),
    Mutant(
        "R27",
        "a create that is repeated tells what a try before made",
        "job_service/operations/create_jobs.py",
        "        if tries > 1:  # a try before may have come through after it was looked for\n",
        "        if False:\n",
        (f"{UNKNOWN}::test_a_batch_is_created_once[comes late]",),
        SAYS_SO,
    ),
    Mutant(
        "R27",
        "a connection that breaks is an unknown outcome",
        f"{POSTGRES}/database.py",
        "        raise Unknown(repr(error)[:300]) from error",
        "        raise Retryable(repr(error)[:300]) from error",
        (f"{UNKNOWN}::test_a_killed_backend_is_an_unknown_commit",),
        SAYS_SO,
    ),
    Mutant(
        "R3",
        "an outcome is named by its hash",
        "job_service/operations/report_attempts.py",
        'said = [_SORTED.encode(end.outcome.value), result or "null", error]',
        "said = [_SORTED.encode(end.outcome.value)]",
        (f"{FENCING}::test_another_outcome_after_the_accepted_one_is_late",),
    ),
)
