"""Where history was removed: what retention may have done is no offence and is said, all else is one."""

from datetime import timedelta
from typing import Any

import pytest

from punctual.audit.world import Terms
from tests.integration.audit.conftest import Copy
from tests.support.auditing import TERMS, audited
from tests.support.rewinding import rewind

KEEP = Terms(keep=timedelta(days=1), armed_again_after=TERMS.armed_again_after)
TWO_DAYS = 2 * 86_400.0
GONE = """
WITH letters AS (DELETE FROM unsuccessful WHERE job_id = $1),
     counted AS (INSERT INTO job_count_deltas SELECT status, -1 FROM jobs WHERE id = $1)
DELETE FROM jobs WHERE id = $1
"""


async def _removed(copy: Copy, kind: str, *, old: bool, history: bool = True) -> dict[str, Any]:
    """The answer when that job is gone, and its history if told."""
    job_id = copy.kinds[kind]
    if old:
        await rewind(copy.raw, job_id, TWO_DAYS)
    await copy.raw.execute(GONE, job_id)
    if not history:
        await copy.raw.execute("DELETE FROM job_history WHERE job_id = $1", job_id)
    return await audited(copy.url, terms=KEEP)


@pytest.mark.parametrize("kind", ["succeeded", "dead letter", "cancelled", "poisoned"])
@pytest.mark.parametrize("history", [True, False])
async def test_a_settled_job_that_is_old_may_be_gone(copy: Copy, kind: str, history: bool) -> None:
    """Its history goes later, with its day, and the executions of that day last."""
    answer = await _removed(copy, kind, old=True, history=history)
    assert answer["violations"] == []
    said = [one["why"] for one in answer["notChecked"] if one["id"] == "retention"]
    had_executions = kind != "cancelled"
    assert any("1 jobs are gone" in why for why in said) == (history or had_executions)


@pytest.mark.parametrize("kind", ["succeeded", "dead letter"])
async def test_a_young_job_may_not(copy: Copy, kind: str) -> None:
    """G3: retention would not have touched it yet."""
    answer = await _removed(copy, kind, old=False)
    assert [found["id"] for found in answer["violations"]] == ["G3"]


async def test_an_unsettled_job_may_never(copy: Copy) -> None:
    """G3: however old."""
    await copy.raw.execute("DELETE FROM inflight WHERE job_id = $1", copy.kinds["running"])
    answer = await _removed(copy, "running", old=True)
    assert [found["id"] for found in answer["violations"]] == ["G3"]


async def test_it_says_where_history_begins(copy: Copy) -> None:
    """What was dropped before that day left no trace."""
    await copy.raw.execute(
        """CREATE TABLE job_history_20260101 PARTITION OF job_history
           FOR VALUES FROM ('019b7500-0000-0000-0000-000000000000')
                      TO ('019b7a00-0000-0000-0000-000000000000')"""
    )
    answer = await audited(copy.url)
    (said,) = [one["why"] for one in answer["notChecked"] if one["id"] == "retention"]
    assert said.startswith("History begins on 2026-01-01")
