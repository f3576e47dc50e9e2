"""Mutants of ordering keys (R19) and of the shares of a claim (R23)."""

from tests.support.mutants.mutant import HERE, POSTGRES, Mutant

ARRANGE = f"{POSTGRES}/migrations/versions/0003_pre_ordering_keys.py"
CLAIM = f"{POSTGRES}/claims.py"
KEYS = f"{HERE}/test_ordering_keys.py"
RACES = f"{HERE}/test_keys_in_races.py"
SHARES = f"{HERE}/test_shares_of_a_claim.py"

MUTANTS = (
    Mutant(
        "R19",
        "nobody gets a key that is taken",
        ARRANGE,
        "WHERE k.ordering_key = ANY (keys) AND k.job_id IS NULL\n    ),",
        "WHERE k.ordering_key = ANY (keys)\n    ),",
        (
            f"{KEYS}::test_keys_do_not_stand_in_the_way_of_each_other",
            f"{RACES}::test_one_picture_of_many_claims",
        ),
    ),
    Mutant(
        "R19",
        "what settles frees its key",
        ARRANGE,
        "WHERE ordering_key = ANY (keys) AND job_id = ANY (noted);",
        "WHERE ordering_key = ANY (keys) AND job_id = ANY (noted) AND false;",
        (
            f"{KEYS}::test_what_settles_or_goes_behind_frees_its_key[_succeeds]",
            f"{KEYS}::test_one_that_never_ran_frees_its_key",
            f"{KEYS}::test_a_poisoned_one_frees_its_key",
        ),
    ),
    Mutant(
        "R19",
        "the first of the line is the earliest due",
        ARRANGE,
        "ORDER BY l.place, l.job_id LIMIT 1) AS first\n        WHERE k.ordering_key = ANY (keys) AND k.job_id",
        "ORDER BY l.job_id LIMIT 1) AS first\n        WHERE k.ordering_key = ANY (keys) AND k.job_id",
        (f"{KEYS}::test_one_at_a_time_in_due_order",),
    ),
    Mutant(
        "R19",
        "a head that is not taken gives way to one that comes before it",
        ARRANGE,
        "AND (first.place, first.job_id) < (key_place(j), j.id)",
        "AND false",
        (
            f"{KEYS}::test_one_of_a_key_that_comes_before_a_waiting_head_takes_its_place",
            f"{KEYS}::test_what_settles_or_goes_behind_frees_its_key[_is_snoozed]",
        ),
    ),
    Mutant(
        "R19",
        "a job that backs off keeps its key",
        ARRANGE,
        "RETURN j.status IN ('SCHEDULED', 'RUNNING', 'WAITING') OR (j.status = 'FAILED' AND NOT EXISTS (",
        "RETURN j.status IN ('SCHEDULED', 'RUNNING', 'WAITING') OR (false AND NOT EXISTS (",
        (f"{KEYS}::test_what_goes_on_keeps_its_key[_backs_off]",),
    ),
    Mutant(
        "R19",
        "a claimed job keeps its key",
        ARRANGE,
        "RETURN j.status IN ('SCHEDULED', 'RUNNING', 'WAITING') OR",
        "RETURN j.status IN ('RUNNING', 'WAITING') OR",
        (f"{KEYS}::test_a_claim_that_comes_back_keeps_its_key",),
    ),
    Mutant(
        "R19",
        "a type may pass its key",
        ARRANGE,
        "AND t.passes_key));",
        "AND false));",
        (f"{KEYS}::test_a_type_may_pass_its_key_while_it_backs_off",),
    ),
    Mutant(
        "R19",
        "nobody waits for a row of due while he has a key",
        ARRANGE,
        "        FOR UPDATE OF d SKIP LOCKED\n",
        "        FOR UPDATE OF d\n",
        (f"{RACES}::test_a_head_that_is_cancelled_while_one_comes_before_it",),
    ),
    Mutant(
        "R19",
        "keys are locked before they are looked at",
        ARRANGE,
        "ON CONFLICT (ordering_key) DO UPDATE SET job_id = k.job_id WHERE false;",
        "ON CONFLICT (ordering_key) DO NOTHING;",
        (f"{RACES}::test_what_settles_while_another_is_created_frees_the_key_for_it",),
    ),
    Mutant(
        "R19",
        "by hand nobody starts what waits in line",
        f"{POSTGRES}/client_changes.py",
        "j.status = 'SCHEDULED' AND {OUT_OF_LINE}",
        "j.status = 'SCHEDULED'",
        (f"{KEYS}::test_by_hand_a_job_gets_no_further_than_its_line",),
    ),
    Mutant(
        "R19",
        "a forged record starts nothing that waits in line",
        f"{POSTGRES}/leases.py",
        "AND (j.lost < $5 OR j.id = (SELECT id FROM suspect)) AND {OUT_OF_LINE}",
        "AND (j.lost < $5 OR j.id = (SELECT id FROM suspect))",
        (f"{KEYS}::test_a_forged_record_starts_nothing_that_waits_in_line",),
    ),
    Mutant(
        "R23",
        "the longest waiting have a share",
        CLAIM,
        "LIMIT least($15, shelf.most)",
        "LIMIT least($15, shelf.most, 0)",
        (
            f"{SHARES}::test_a_low_priority_does_not_starve",
            f"{SHARES}::test_the_longest_waiting_of_all_bands_goes_first",
        ),
    ),
    Mutant(
        "R23",
        "a share is for those that have waited",
        CLAIM,
        "AND due.dispatch_at <= now() - $16 * interval '1 second'",
        "AND due.dispatch_at <= now() - 0 * $16 * interval '1 second'",
        (f"{SHARES}::test_who_has_not_waited_long_waits_for_the_high_ones",),
    ),
    Mutant(
        "R23",
        "the best priority has a place in every claim of several",
        "job_service/domain/credits.py",
        "aged = min(int(self._kept), max(1, due - 1), due)",
        "aged = due",
        (
            f"{SHARES}::test_a_high_priority_behind_many_that_waited_long_is_in_the_next_claim",
            f"{SHARES}::test_the_longest_waiting_of_all_bands_goes_first",
        ),
    ),
    Mutant(
        "R23",
        "the limit of a type is over all bands",
        CLAIM,
        "ORDER BY turn, band, dispatch_at LIMIT greatest(0, r.room)",
        "ORDER BY turn, band, dispatch_at",
        (
            f"{SHARES}::test_no_more_of_a_type_than_its_limit",
            f"{SHARES}::test_claims_of_two_replicas_do_not_share_one_room",
        ),
    ),
    Mutant(
        "R23",
        "claims of limited types go one after the other",
        ARRANGE,
        "    PERFORM pg_advisory_xact_lock(1885435252);\n",
        "",
        (f"{SHARES}::test_claims_of_two_replicas_do_not_share_one_room",),
    ),
)
