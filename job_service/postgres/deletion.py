"""Deletion of a settled job: the job goes, its history and executions stay until retention takes them."""

from uuid import UUID

from job_service.postgres.database import Database, Raw
from job_service.postgres.transition import LOCK

# The job with payload, result and labels, and its narrow rows; what is noted says that it was not lost.
DELETE = """
WITH gone AS (
    DELETE FROM jobs AS j
    WHERE j.id = $1 AND ($2::int IS NULL OR j.version = $2) AND j.next_attempt_at IS NULL
      AND j.status IN ('SUCCESS', 'CANCELLED', 'EXPIRED', 'ABANDONED', 'FAILED', 'STOPPED')
    RETURNING j.id, j.status, j.version
),
noted AS (
    INSERT INTO deleted_jobs (job_id, status, version, deleted_at)
    SELECT id, status, version, clock_timestamp() FROM gone
),
letters AS (DELETE FROM unsuccessful WHERE job_id = ANY (ARRAY (SELECT id FROM gone))),
told AS (
    UPDATE executions SET progress = NULL, log = NULL
    WHERE job_id = ANY (ARRAY (SELECT id FROM gone)) AND (progress IS NOT NULL OR log IS NOT NULL)
),
expiry AS (DELETE FROM expiring WHERE job_id = ANY (ARRAY (SELECT id FROM gone))),
counted AS (
    INSERT INTO job_count_deltas (status, delta) SELECT status, -1 FROM gone
)
SELECT id FROM gone
"""

WAS_DELETED = "SELECT EXISTS (SELECT FROM deleted_jobs WHERE job_id = $1)"

# What is left of jobs that were deleted long ago, in small batches.
FORGET = """
WITH old AS MATERIALIZED (
    SELECT job_id FROM deleted_jobs
    WHERE deleted_at < statement_timestamp() - $1 * interval '1 second'
    ORDER BY deleted_at LIMIT $2 FOR UPDATE SKIP LOCKED
),
history AS (DELETE FROM job_history WHERE job_id = ANY (ARRAY (SELECT job_id FROM old))),
executed AS (DELETE FROM executions WHERE job_id = ANY (ARRAY (SELECT job_id FROM old))),
forgotten AS (
    DELETE FROM deleted_jobs WHERE job_id = ANY (ARRAY (SELECT job_id FROM old)) RETURNING job_id
)
SELECT count(*) FROM forgotten
"""


class Deletion:
    """Implements the stores of `delete_job` and, for what is left, of retention."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def delete(self, job_id: UUID, version: int | None) -> bool:
        """Delete a settled job, at that version if one is named; whether it did."""

        async def unit(raw: Raw) -> bool:
            await raw.execute(LOCK, [job_id])
            return await raw.fetchval(DELETE, job_id, version) is not None

        return await self._database.transaction(unit)

    async def was_deleted(self, job_id: UUID) -> bool:
        """Whether a client deleted that job."""
        return bool(await self._database.run(lambda raw: raw.fetchval(WAS_DELETED, job_id)))

    async def forget(self, older_than_seconds: float, limit: int) -> int:
        """Delete what is left of up to `limit` jobs that were deleted that long ago; how many."""
        forgotten: int = await self._database.run(
            lambda raw: raw.fetchval(FORGET, older_than_seconds, limit)
        )
        return forgotten
