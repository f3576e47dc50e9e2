"""What a mutant is, and where the tests are that catch it.

A mutant is made by replacing a text that occurs once in its file. Where a guard cannot be taken out without
making a statement illegal, it is weakened instead.
"""

from dataclasses import dataclass

HERE = "tests/integration/job_service"
CLAIMS = f"{HERE}/test_claims.py"
LEASES = f"{HERE}/test_leases.py"
MARKING = f"{HERE}/test_marking_and_moving.py"
FENCING = f"{HERE}/test_fencing.py"
EFFECTS = f"{HERE}/test_guards_without_side_effects.py"
MEETING = f"{HERE}/test_changes_that_meet.py"
LOCKS = f"{HERE}/test_lock_order.py"
RETENTION = f"{HERE}/test_retention.py"

POSTGRES = "job_service/postgres"

MANY_ATTEMPTS = f"{CLAIMS}::test_every_entry_into_scheduled_raises_the_attempt"
ONE_ATTEMPT = f"{FENCING}::test_start_and_end_in_one_report_are_two_transitions"
A_CANCEL = f"{MEETING}::test_from_is_right_when_a_start_comes_between"
"""Controls: what still works without most guards."""


@dataclass(frozen=True)
class Mutant:
    """`text` stands once in `file`; with `replacement` in its place `what` does not hold any more: each of
    `tests` must fail and `control` must pass."""

    rule: str
    what: str
    file: str
    text: str
    replacement: str
    tests: tuple[str, ...]
    control: str = MANY_ATTEMPTS
