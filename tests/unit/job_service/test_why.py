"""The page of reasons is that of the code, and texts name only facts that there are."""

import string
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import pytest

from job_service.domain.job import Job
from job_service.domain.reasons import REASONS
from job_service.domain.why import Facts, Placed, Room, decide
from shared.contracts.states import JobStatus
from shared.kernel.ids import new_id
from tests.support import why_docs
from tests.support.marked_text import between

NOW = datetime(2026, 11, 21, 10, tzinfo=UTC)
ROOM = Room(slots=4, in_flight=1, free=True)


def facts_of(status: JobStatus = JobStatus.CREATED, **given: Any) -> Facts:
    """A job that is due and that nothing stands in the way of."""
    job = Job(
        id=new_id(),
        name="a job",
        status=status,
        job_type="DUMMY",
        payload=None,
        scheduled_time=NOW,
        due_at=NOW,
        priority=0,
        ordering_key=None,
        attempt=1,
        failures=0,
        lost=0,
        max_attempts=3,
        timeout_seconds=None,
        expires_at=None,
        next_attempt_at=None,
        cancel_requested=False,
        labels={},
        created_at=NOW,
        updated_at=NOW,
        started_at=None,
        finished_at=None,
        result=None,
        error=None,
        version=0,
        node=None,
        rerun_of=None,
    )
    values: dict[str, Any] = {
        "job": job,
        "now": NOW,
        "ready_at": NOW,
        "dispatch_at": NOW,
        "armed": True,
        "key_holder": None,
        "placed": None,
        "changed_at": NOW,
        "change": "created",
        "declared": True,
        "paused_at": None,
        "schedulers": 1,
        "workers": 1,
        "silent_workers": 0,
        "open_to_suspects": None,
        "amnesty_until": None,
    }
    return Facts(**{**values, **given})


def claimed_by(state: str, expires_at: datetime) -> Placed:
    return Placed(
        scheduler=new_id(),
        worker=None,
        since=NOW,
        look_at=NOW,
        topic_partition=None,
        record_offset=None,
        committed=None,
        node_state=state,
        node_expires_at=expires_at,
        node_last_seen_at=NOW,
    )


def test_the_page_of_reasons_is_that_of_the_code() -> None:
    written = between(why_docs.PAGE.read_text(), why_docs.PART)
    assert written == why_docs.part(), "python -m tests.support.why_docs --write"


def test_texts_name_only_facts_that_there_are() -> None:
    why = decide(facts_of(placed=claimed_by("live", NOW)), ROOM, grace_seconds=1)
    known = {"since", "next_at", "paused_at", "expires_at", "worker", "silent_since"}
    known |= {"ordering_key", "key_holder"}
    known |= why.facts.keys()
    for reason in REASONS.values():
        named = {name for _, name, _, _ in string.Formatter().parse(reason.text) if name}
        assert named <= known, reason.slug


@pytest.mark.parametrize(
    ("given", "reason"),
    [
        ({"paused_at": NOW, "workers": 0, "schedulers": 0}, "paused"),
        ({"workers": 0, "schedulers": 0}, "no-worker"),
        ({"schedulers": 0}, "no-scheduler"),
        ({"key_holder": UUID(int=1), "workers": 0}, "key-taken"),
        ({"open_to_suspects": 0, "schedulers": 0}, "suspect"),
        ({"open_to_suspects": 1}, "to-be-claimed"),
        ({"ready_at": NOW + timedelta(seconds=1), "workers": 0}, "not-due"),
        ({}, "to-be-claimed"),
    ],
)
def test_the_first_obstacle_is_told(given: dict[str, Any], reason: str) -> None:
    assert decide(facts_of(**given), ROOM, grace_seconds=1).reason == reason


def test_no_room_is_told_last() -> None:
    full = Room(slots=4, in_flight=4, free=False)
    assert decide(facts_of(), full, grace_seconds=1).reason == "no-slot"
    assert decide(facts_of(schedulers=0), full, grace_seconds=1).reason == "no-scheduler"


@pytest.mark.parametrize(
    ("state", "expired_for", "amnesty", "taken_back_after"),
    [("live", 2, None, -1), ("live", 0, None, 1), ("live", 2, 5, 5), ("dead", -9, None, 0)],
)
def test_a_silent_node_is_reaped_after_grace_and_amnesty(
    state: str, expired_for: float, amnesty: float | None, taken_back_after: float
) -> None:
    """A node that left in good order is dead before its session ends."""
    placed = claimed_by(state, NOW - timedelta(seconds=expired_for))
    until = None if amnesty is None else NOW + timedelta(seconds=amnesty)
    facts = facts_of(JobStatus.SCHEDULED, placed=placed, amnesty_until=until)
    why = decide(facts, ROOM, grace_seconds=1)
    assert why.reason == "scheduler-silent"
    assert why.next_at == NOW + timedelta(seconds=taken_back_after)


@pytest.mark.parametrize("status", JobStatus)
def test_every_state_has_a_reason_even_without_its_narrow_row(status: JobStatus) -> None:
    assert decide(facts_of(status, armed=False), ROOM, grace_seconds=1).reason in REASONS
