"""The fold: grants and counters out of a history."""

from datetime import timedelta

from punctual.audit.life import fold
from tests.unit.audit.rows import BEGIN, OTHER, WORKER, folded, history

CLAIMED, STARTED = "SCHEDULED claimed 1", "RUNNING started 1"


def test_a_job_that_runs_well_is_one_grant() -> None:
    life = folded(CLAIMED, STARTED, "SUCCESS succeeded 1")
    (grant,) = life.grants
    assert (grant.attempt, grant.node, grant.outside) == (1, WORKER, False)
    assert grant.given is grant.start
    assert grant.end is not None
    assert grant.end["to_status"] == "SUCCESS"
    assert (life.attempt, life.failures, life.lost_most) == (1, 0, 0)
    assert (len(life.misnumbered), len(life.doubled), len(life.strays)) == (0, 0, 0)


def test_a_hold_and_its_start_are_one_grant() -> None:
    (grant,) = folded(CLAIMED, "SCHEDULED held 1", STARTED).grants
    assert (grant.given["reason"], grant.start and grant.start["reason"]) == ("held", "started")
    assert grant.end is None


def test_changes_do_not_end_a_grant() -> None:
    life = folded(CLAIMED, "SCHEDULED held 1", "SCHEDULED cancel-asked 1", STARTED)
    assert len(life.grants) == 1
    life = folded(CLAIMED, STARTED, "RUNNING cancel-asked 1", "CANCELLED failed 1")
    assert (len(life.grants), life.failures) == (1, 0)


def test_what_is_given_back_or_lost_is_a_new_attempt() -> None:
    for reason in ("released", "lost"):
        life = folded(CLAIMED, STARTED, f"SCHEDULED {reason} 2", "RUNNING started 2")
        assert [grant.attempt for grant in life.grants] == [1, 2]
        assert life.attempt == 2
        assert life.misnumbered == []


def test_failures_and_losses_are_never_mixed() -> None:
    life = folded(CLAIMED, STARTED, "FAILED failed 1", "SCHEDULED claimed 2", "RUNNING started 2")
    assert (life.failures, life.lost_most, life.attempt) == (1, 0, 2)
    life = folded(CLAIMED, STARTED, "FAILED timeout 1")
    assert (life.failures, life.lost_most) == (1, 0)
    life = folded(CLAIMED, STARTED, "FAILED poison 1")
    assert (life.failures, life.lost_least, life.lost_most) == (0, 1, 1)


def test_a_hold_that_is_lost_counts_if_it_was_due() -> None:
    """And where the statement may have begun before it was due, and the row was stamped after, both will do."""
    steps = (CLAIMED, "SCHEDULED held 1", "SCHEDULED lost 2")
    lost_at = BEGIN + timedelta(minutes=3)
    for due, least, most in (
        (lost_at + timedelta(seconds=1), 0, 0),
        (lost_at - timedelta(seconds=1), 0, 1),
        (lost_at - timedelta(minutes=1), 1, 1),
    ):
        life = folded(*steps, due=due)
        assert (life.lost_least, life.lost_most) == (least, most)


def test_a_snooze_costs_nothing_but_the_attempt() -> None:
    life = folded(CLAIMED, STARTED, "CREATED snoozed 1", "SCHEDULED claimed 2")
    assert (life.attempt, life.failures, life.lost_most) == (2, 0, 0)


def test_a_wrong_number_is_named_once() -> None:
    """The rows after it are counted from it, so that one forgery is not told of each."""
    life = folded(CLAIMED, "RUNNING started 3", "SCHEDULED released 4", "RUNNING started 4")
    ((row, number),) = life.misnumbered
    assert (row["version"], row["attempt"], number) == (2, 3, 1)


def test_two_holders_are_told() -> None:
    rows = history(CLAIMED, "SCHEDULED held 1", "SCHEDULED held 1")
    assert len(fold(rows, []).doubled) == 1
    rows = history(CLAIMED, "SCHEDULED held 1", STARTED)
    rows[-1]["node"] = OTHER
    assert len(fold(rows, []).doubled) == 1


def test_an_end_of_what_nobody_held_is_told() -> None:
    rows = history(CLAIMED, STARTED, "SUCCESS succeeded 1")
    del rows[2]
    life = fold(rows, [])
    assert life.grants == []
    assert life.strays == [rows[-1]]
