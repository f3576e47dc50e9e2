"""Counts of jobs by state: each transition notes a difference, a duty folds the differences away."""

from job_service.postgres.database import Database

# The counts as of now: touches the few folded rows and what was not folded yet.
COUNTS = """
SELECT status, sum(jobs)::bigint AS jobs
FROM (SELECT status, jobs FROM job_counts UNION ALL SELECT status, delta FROM job_count_deltas) AS c
GROUP BY status ORDER BY status
"""

FOLD = """
WITH taken AS (
    DELETE FROM job_count_deltas WHERE ctid = ANY (ARRAY (
        SELECT ctid FROM job_count_deltas LIMIT $1 FOR UPDATE SKIP LOCKED))
    RETURNING status, delta
),
folded AS (
    INSERT INTO job_counts AS c (status, jobs)
    SELECT status, sum(delta) FROM taken GROUP BY status ORDER BY status
    ON CONFLICT (status) DO UPDATE SET jobs = c.jobs + excluded.jobs
)
SELECT count(*) FROM taken
"""


class Counts:
    """Implements the store of the duty fold_counts."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def fold(self, limit: int) -> int:
        """Fold up to `limit` differences; how many."""
        folded: int = await self._database.run(lambda raw: raw.fetchval(FOLD, limit))
        return folded
