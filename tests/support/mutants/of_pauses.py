"""Mutants of a pause: who waits for it, and what it takes back."""

from tests.support.mutants.mutant import HERE, POSTGRES, Mutant

PAUSES = f"{HERE}/test_pauses.py"
GOES_ON = f"{PAUSES}::test_held_and_running_jobs_go_on"

MUTANTS = (
    Mutant(
        "R23",
        "a paused type has no credit",
        "job_service/domain/credits.py",
        "set(worker.types) - paused",
        "set(worker.types)",
        (
            "tests/unit/job_service/test_credits.py::test_a_paused_type_has_no_credit_and_gives_its_slots_to_the_others",
        ),
        GOES_ON,
    ),
    Mutant(
        "R23",
        "a claim looks at pauses again, under their lock",
        f"{POSTGRES}/claims.py",
        "closed AS MATERIALIZED (SELECT paused_types() AS names)",
        "closed AS MATERIALIZED (SELECT ARRAY[]::text[] AS names)",
        (
            f"{PAUSES}::test_a_claim_that_waits_for_a_pause_takes_nothing",
            f"{PAUSES}::test_a_pause_waits_for_a_claim_and_takes_its_jobs_back",
        ),
        GOES_ON,
    ),
    Mutant(
        "R23",
        "a lease gives nothing of a paused type",
        f"{POSTGRES}/leases.py",
        "AND NOT EXISTS (SELECT FROM job_types AS t WHERE t.name = j.job_type AND t.paused_at IS NOT NULL)",
        "",
        (
            f"{PAUSES}::test_a_lease_that_waits_for_a_pause_is_refused",
            f"{PAUSES}::test_a_lease_after_the_pause_is_refused_before_anything_is_taken_back",
        ),
        GOES_ON,
    ),
    Mutant(
        "R23",
        "a pause waits for leases and claims that may not have seen it",
        f"{POSTGRES}/job_types.py",
        "await raw.execute(PAUSING)\n",
        "",
        (
            f"{PAUSES}::test_a_pause_waits_for_a_lease_and_leaves_it_alone",
            f"{PAUSES}::test_a_pause_waits_for_a_claim_and_takes_its_jobs_back",
        ),
        GOES_ON,
    ),
    Mutant(
        "R23",
        "a refusal takes the job back",
        "job_service/operations/lease_attempts.py",
        "await self._store.take_back_paused_among(paused)",
        "pass",
        (f"{PAUSES}::test_a_lease_that_waits_for_a_pause_is_refused",),
        GOES_ON,
    ),
    Mutant(
        "R23",
        "nothing is taken back of a type that was resumed",
        f"{POSTGRES}/job_types.py",
        "\n      AND EXISTS (SELECT FROM job_types AS t WHERE t.name = j.job_type AND t.paused_at IS NOT NULL)",
        "",
        (f"{PAUSES}::test_a_resume_beside_a_pause_that_takes_back",),
        GOES_ON,
    ),
)
