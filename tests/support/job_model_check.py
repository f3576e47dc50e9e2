"""Compares the database with the model of `job_model`."""

from typing import Any

from job_service.domain.lifecycle import BY_PAIR
from job_service.postgres.database import Raw
from shared.contracts.states import JobStatus
from tests.support.books import assert_counts, assert_histories, assert_one_narrow_row
from tests.support.job_model import ModelJob
from tests.support.job_model_world import Model

TOLERANCE_SECONDS = 20.0
"""Between a moment that the model notes before a call and the one that the database takes within it."""

EMPTY = """
TRUNCATE jobs, due, inflight, in_line, ordering_keys, unsuccessful, expiring, job_counts, job_count_deltas,
         job_history, executions, nodes, scheduler_claims, reaper_tick, topic_positions
"""

LOOK = """
SELECT j.*, i.scheduler, i.claim_seq, i.record_offset,
       d.job_id IS NOT NULL AS in_due, l.job_id IS NOT NULL AS behind,
       (SELECT count(*) FROM executions AS e WHERE e.job_id = j.id AND e.status = 'SUCCESS') AS successes
FROM jobs AS j LEFT JOIN inflight AS i ON i.job_id = j.id LEFT JOIN due AS d ON d.job_id = j.id
     LEFT JOIN in_line AS l ON l.job_id = j.id
"""

ACTORS = "SELECT DISTINCT from_status, to_status, actor FROM job_history WHERE version > 0"


async def empty(raw: Raw) -> None:
    """Nothing is there."""
    await raw.execute(EMPTY)


async def agree(raw: Raw, model: Model) -> None:
    """Every job is what the model says, and has its one narrow row. Moments that the model left open are taken
    from the database."""
    model.arrange()
    rows = {row["id"]: row for row in await raw.fetch(LOOK)}
    assert rows.keys() == model.jobs.keys()
    for job in model.jobs.values():
        row = rows[job.id]
        found, expected = _of_row(row), _of_model(job)
        assert found == expected, (job.id, found.items() ^ expected.items())
        assert row["successes"] == (job.status is JobStatus.SUCCESS)
        if not job.settled:
            job.due = row["due_at"].timestamp()
            job.ready = _same_moment(job.ready, row["ready_at"].timestamp())
            job.dispatch = _same_moment(job.dispatch, row["dispatch_at"].timestamp())
    await assert_one_narrow_row(raw)


async def settle(raw: Raw) -> None:
    """What no later step can mend or hide: histories and counts, and who took which edge (R17)."""
    for row in await raw.fetch(ACTORS):
        edge = BY_PAIR[JobStatus(row["from_status"]), JobStatus(row["to_status"])]
        assert row["actor"] in edge.actors, dict(row)
    await assert_histories(raw)
    await assert_counts(raw)


def _same_moment(expected: float | None, found: float) -> float:
    assert expected is None or abs(expected - found) < TOLERANCE_SECONDS, (expected, found)
    return found


def _of_row(row: Any) -> dict[str, Any]:
    return {
        "status": row["status"],
        "version": row["version"],
        "attempt": row["attempt"],
        "failures": row["failures"],
        "lost": row["lost"],
        "suspect_losses": row["suspect_losses"],
        "max_attempts": row["max_attempts"],
        "holder": row["node"],
        "cancel": row["cancel_requested"],
        "retry": row["next_attempt_at"] is not None,
        "begun": row["started_at"] is not None,
        "in_due": row["in_due"],
        "behind": row["behind"],
        "claimed_by": row["scheduler"],
        "claim_seq": row["claim_seq"],
        "record": row["record_offset"] if row["scheduler"] else None,
    }


def _of_model(job: ModelJob) -> dict[str, Any]:
    said = {name: getattr(job, name) for name in _SAME_NAMES}
    said["behind"] = job.behind and not job.settled
    claim = {"claim_seq": job.claim_seq, "record": job.record}
    return {**said, **(claim if job.claimed_by else dict.fromkeys(claim))}


_SAME_NAMES = (
    "status",
    "version",
    "attempt",
    "failures",
    "lost",
    "suspect_losses",
    "max_attempts",
    "holder",
    "cancel",
    "retry",
    "begun",
    "in_due",
    "claimed_by",
)
