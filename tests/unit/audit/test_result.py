"""I9: the hash of a result is computed again from what the job shows, or the audit says nothing."""

from typing import Any
from uuid import UUID

import pytest

from job_service.operations.report_attempts import hash_of, text_of_result
from punctual.audit.rules.i9_one_result import broken
from punctual.audit.story import Story
from punctual.audit.world import World
from shared.contracts.reports import End
from shared.contracts.states import Outcome
from tests.support.auditing import TERMS
from tests.unit.audit.rows import BEGIN, history

WORLD = World(now=BEGIN, terms=TERMS)
STEPS = ("SCHEDULED claimed 1", "RUNNING started 1", "SUCCESS succeeded 1")


def _story(told: Any, shown: str | None) -> Story:
    """A job whose worker told that result, and that shows this JSON as PostgreSQL writes it."""
    rows = history(*STEPS)
    end = End(job_id=UUID(int=1), attempt=1, outcome=Outcome.SUCCESS, ended_at=BEGIN, result=told)
    rows[-1]["result_hash"] = hash_of(end, text_of_result(end))
    job = {"status": "SUCCESS", "result": shown, "error": None}
    return Story(UUID(int=1), job=job, history=rows)


@pytest.mark.parametrize(
    ("told", "shown"),
    [
        (None, None),
        ({"b": 1, "a": "ä"}, '{"a": "ä", "b": 1}'),
        ([1.5, True, None, ""], '[1.5, true, null, ""]'),
        ({"n": 1e22}, '{"n": 10000000000000000000000}'),
        ([-0.0], "[0.0]"),
    ],
)
def test_what_was_told_is_what_is_shown(told: Any, shown: str | None) -> None:
    """Also where PostgreSQL writes a number in another way."""
    assert list(broken(_story(told, shown), WORLD)) == []


@pytest.mark.parametrize("shown", [None, '{"a": 2}', "1", '"a"'])
def test_another_result_is_found(shown: str | None) -> None:
    (breach,) = broken(_story({"a": 1}, shown), WORLD)
    assert "hashes differ" in breach.text
