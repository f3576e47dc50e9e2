"""Mutants of the duties: the amnesty, what counts as lost, deadlines, what is judged lost on the topic."""

from tests.support.mutants.mutant import HERE, POSTGRES, Mutant

AMNESTY = f"{HERE}/test_amnesty.py"
LOST = f"{HERE}/test_lost_counts.py"
DEADLINES = f"{HERE}/test_deadlines.py"
RECONCILE = f"{HERE}/test_reconcile.py"
REAPS = f"{LOST}::test_a_running_attempt_counts_as_lost"
WAITS = f"{AMNESTY}::test_a_node_that_left_is_reaped_at_once_even_then"

_SUSPENDS = f"{AMNESTY}::test_what_may_have_stopped_renewals_suspends_reaping_for_one_ttl"

MUTANTS = (
    Mutant(
        "R14",
        "a gap between ticks suspends reaping",
        f"{POSTGRES}/reaping.py",
        "WHEN excluded.ticked_at - t.ticked_at > $2 * interval '1 second'",
        "WHEN excluded.ticked_at - t.ticked_at > $2 * interval '1 day'",
        (_SUSPENDS,),
        WAITS,
    ),
    Mutant(
        "R14",
        "a clock that went backward suspends it",
        f"{POSTGRES}/reaping.py",
        "          OR excluded.ticked_at < t.ticked_at OR",
        "          OR",
        (f"{_SUSPENDS}[a clock that went back]",),
        WAITS,
    ),
    Mutant(
        "R14",
        "a new timeline suspends it",
        f"{POSTGRES}/reaping.py",
        "OR excluded.timeline <> t.timeline\n",
        "\n",
        (f"{_SUSPENDS}[a new timeline]",),
        WAITS,
    ),
    Mutant(
        "R14",
        "no deadline counts in an amnesty",
        f"{POSTGRES}/overdue.py",
        "AND i.scheduler IS NULL AND {AMNESTY_OVER}",
        "AND i.scheduler IS NULL AND $2::float8 > 0",
        (f"{AMNESTY}::test_deadlines_wait_for_the_end_of_the_amnesty",),
        WAITS,
    ),
    Mutant(
        "R15",
        "what was held before its time is not lost",
        f"{POSTGRES}/reaping.py",
        "_BEGAN = \"(j.status = 'RUNNING' OR j.ready_at <= statement_timestamp())\"",
        '_BEGAN = "true"',
        (f"{LOST}::test_an_attempt_held_before_its_time_does_not_count",),
        REAPS,
    ),
    Mutant(
        "R15",
        "what was held past its time is lost",
        f"{POSTGRES}/reaping.py",
        "_BEGAN = \"(j.status = 'RUNNING' OR j.ready_at <= statement_timestamp())\"",
        "_BEGAN = \"(j.status = 'RUNNING')\"",
        (f"{LOST}::test_an_attempt_held_past_its_time_counts",),
        REAPS,
    ),
    Mutant(
        "R15",
        "only losses as a suspect lead to poison",
        f"{POSTGRES}/reaping.py",
        "AND j.suspect_losses + 1 >= $3)",
        "AND j.lost + 1 >= $3)",
        (f"{LOST}::test_a_suspect_lost_three_times_more_is_quarantined",),
        REAPS,
    ),
    Mutant(
        "R15",
        "what is given back is not lost",
        f"{POSTGRES}/leases.py",
        "        dispatch_at = greatest(j.ready_at, clock_timestamp()),\n"
        "        finished_at = CASE WHEN j.cancel",
        "        dispatch_at = greatest(j.ready_at, clock_timestamp()), lost = j.lost + 1,\n"
        "        finished_at = CASE WHEN j.cancel",
        (f"{LOST}::test_what_was_given_back_does_not_count",),
        REAPS,
    ),
    Mutant(
        "R16",
        "an attempt has its deadline on the server",
        f"{POSTGRES}/leases.py",
        "greatest(ready_at, clock_timestamp()) + (timeout_seconds + $7) * interval '1 second'",
        "greatest(ready_at, clock_timestamp()) + (timeout_seconds + $7) * interval '1 day'",
        (f"{DEADLINES}::test_the_deadline_is_the_time_out_and_ten_seconds",),
        REAPS,
    ),
    Mutant(
        "R16",
        "a deadline ends the attempt that it was of, and no later one",
        f"{POSTGRES}/overdue.py",
        "AND j.attempt = l.attempt AND j.node = l.worker AND j.status IN",
        "AND j.status IN",
        (f"{DEADLINES}::test_a_release_that_commits_first_is_no_loss",),
        REAPS,
    ),
    Mutant(
        "R21",
        "a record that the group has passed is lost",
        f"{POSTGRES}/overdue.py",
        "i.record_offset < p.committed OR",
        "",
        (
            f"{RECONCILE}::test_a_record_that_the_group_has_passed_or_that_is_gone_is_published_again",
        ),
        REAPS,
    ),
    Mutant(
        "R21",
        "a record beyond the end is lost: the topic was made anew",
        f"{POSTGRES}/overdue.py",
        "OR i.record_offset >= p.end_offset\n",
        "\n",
        (
            f"{RECONCILE}::test_a_record_that_the_group_has_passed_or_that_is_gone_is_published_again",
        ),
        REAPS,
    ),
    Mutant(
        "R21",
        "a record that the group has not reached is not published again",
        f"{POSTGRES}/overdue.py",
        "i.record_offset < p.committed OR",
        "i.record_offset >= p.committed OR",
        (f"{RECONCILE}::test_a_backlog_is_not_published_again",),
        REAPS,
    ),
    Mutant(
        "R21",
        "after ten minutes it is published again whatever is known",
        f"{POSTGRES}/overdue.py",
        "THEN $3::float8 ELSE $2::float8 END AS lost",
        "THEN $3::float8 ELSE $2::float8 * 1000 END AS lost",
        (f"{RECONCILE}::test_after_ten_minutes_it_is_published_again_whatever_the_group_does",),
        REAPS,
    ),
)
