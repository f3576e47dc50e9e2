"""What must be true of the whole database whenever nobody is writing: the books are in order."""

from itertools import pairwise

from job_service.domain.lifecycle import BY_PAIR
from job_service.postgres.database import Raw
from shared.contracts.states import JobStatus

# Unsettled: no terminal state, not STOPPED, and FAILED only with another try to come.
_UNSETTLED = """(j.status IN ('CREATED', 'SCHEDULED', 'RUNNING', 'WAITING')
                OR (j.status = 'FAILED' AND j.next_attempt_at IS NOT NULL))"""

_NARROW = f"""
SELECT j.id, j.status, j.attempt, j.node, j.ordering_key, {_UNSETTLED} AS unsettled,
       l.job_id IS NOT NULL AS is_in_line, k.ordering_key AS head_of,
       l.status = j.status AND l.place = coalesce(j.next_attempt_at, j.due_at)
           AND l.ordering_key = j.ordering_key AS line_equal,
       d.job_id IS NOT NULL AS is_due, i.job_id IS NOT NULL AS is_inflight,
       (SELECT array_agg(u.status) FROM unsuccessful AS u WHERE u.job_id = j.id) AS letters,
       d.dispatch_at = j.dispatch_at AND d.band = j.band AND d.job_type = j.job_type
           AND d.status = j.status AS due_equal,
       i.attempt AS inflight_attempt, i.worker
FROM jobs AS j LEFT JOIN due AS d ON d.job_id = j.id LEFT JOIN inflight AS i ON i.job_id = j.id
LEFT JOIN in_line AS l ON l.job_id = j.id LEFT JOIN ordering_keys AS k ON k.job_id = j.id
"""

_ORPHANS = """
SELECT 'due' AS place, job_id FROM due WHERE job_id NOT IN (SELECT id FROM jobs)
UNION ALL SELECT 'inflight', job_id FROM inflight WHERE job_id NOT IN (SELECT id FROM jobs)
UNION ALL SELECT 'in_line', job_id FROM in_line WHERE job_id NOT IN (SELECT id FROM jobs)
UNION ALL SELECT 'ordering_keys', job_id FROM ordering_keys WHERE job_id IS NULL
UNION ALL SELECT 'unsuccessful', job_id FROM unsuccessful WHERE job_id NOT IN (SELECT id FROM jobs)
"""


async def assert_one_narrow_row(raw: Raw) -> None:
    """R6: an unsettled job has exactly one narrow row, a settled one that is no SUCCESS one in
    `unsuccessful`, and nobody else has any; each row says what its job says."""
    wrong = []
    for row in await raw.fetch(_NARROW):
        expected_letters = None
        if not row["unsettled"] and row["status"] != "SUCCESS":
            expected_letters = [row["status"]]
        right = (
            row["is_due"] + row["is_inflight"] + row["is_in_line"] == int(row["unsettled"])
            and row["letters"] == expected_letters
            and row["due_equal"] in {True, None}
            and row["line_equal"] in {True, None}
            and (row["is_due"] or row["is_inflight"] or row["head_of"] is None)
            and (row["is_in_line"] or not row["unsettled"] or row["head_of"] == row["ordering_key"])
            and (not row["is_inflight"] or row["inflight_attempt"] == row["attempt"])
            and row["worker"] == row["node"]
        )
        if not right:
            wrong.append(dict(row))
    assert wrong == []
    assert [dict(row) for row in await raw.fetch(_ORPHANS)] == []


async def assert_histories(raw: Raw) -> None:
    """G7: versions 0, 1, … n without a gap, each edge begins where the one before ended and is legal, its
    reason is one of that edge's, the last one is what the job is; and `attempt` never falls."""
    jobs = {r["id"]: r for r in await raw.fetch("SELECT id, status, version, attempt FROM jobs")}
    told: dict[object, list[tuple[int, str | None, str, str, int]]] = {key: [] for key in jobs}
    for row in await raw.fetch("SELECT * FROM job_history ORDER BY job_id, version"):
        edge = (row["version"], row["from_status"], row["to_status"], row["reason"])
        told.setdefault(row["job_id"], []).append((*edge, row["attempt"]))
    for job_id, rows in told.items():
        assert [row[0] for row in rows] == list(range(len(rows))), (job_id, rows)
        assert rows[0][1:] == (None, "CREATED", "created", 0), (job_id, rows)
        for before, after in pairwise(rows):
            _, source, target, reason, attempt = after
            assert source == before[2], (job_id, rows)
            legal = BY_PAIR.get((JobStatus(source), JobStatus(target)))
            assert legal is not None, (job_id, after)
            assert reason in legal.reasons, (job_id, after)
            assert attempt >= before[4], (job_id, rows)
        if job_id in jobs:
            job = jobs[job_id]
            last = (job["version"], job["status"], job["attempt"])
            assert (rows[-1][0], rows[-1][2], rows[-1][4]) == last, (job_id, rows, dict(job))


async def assert_counts(raw: Raw) -> None:
    """The counts of jobs by state are what counting says."""
    kept = await raw.fetch(
        """SELECT status, sum(jobs)::bigint AS jobs
           FROM (SELECT status, jobs FROM job_counts
                 UNION ALL SELECT status, delta FROM job_count_deltas) AS c
           GROUP BY status HAVING sum(jobs) <> 0 ORDER BY status"""
    )
    counted = await raw.fetch(
        "SELECT status, count(*) AS jobs FROM jobs GROUP BY status ORDER BY status"
    )
    assert [tuple(row) for row in kept] == [tuple(row) for row in counted]
