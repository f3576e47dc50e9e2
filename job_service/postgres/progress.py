"""What handlers tell while they run: written to their executions, read with the job."""

from collections.abc import Sequence
from typing import Any
from uuid import UUID

from job_service.postgres.database import Database
from job_service.postgres.lookup import lookup
from shared.contracts.progress import MAX_LINES, AttemptTells

# Only the node that the attempt was leased to tells of it: its execution says which that is, after its end too.
# An older word on how far it is does not replace a newer one.
TELL = f"""
UPDATE executions AS e
SET progress = CASE
        WHEN t.progress IS NULL
            OR (e.progress ->> 'at')::timestamptz > (t.progress ->> 'at')::timestamptz THEN e.progress
        ELSE t.progress END,
    log = CASE
        WHEN t.lines IS NULL THEN e.log
        ELSE jsonb_path_query_array(coalesce(e.log, '[]') || t.lines, '$[0 to {MAX_LINES - 1}]') END
FROM (
    SELECT * FROM unnest($2::uuid[], $3::int[], $4::jsonb[], $5::jsonb[])
        AS t (job_id, attempt, progress, lines)
    ORDER BY job_id, attempt
) AS t
WHERE {lookup("e.job_id", "t.job_id")} AND e.attempt = t.attempt AND e.node = $1
RETURNING e.job_id
"""

LOG_OF = (
    "SELECT attempt, log FROM executions WHERE job_id = $1 AND log IS NOT NULL ORDER BY attempt"
)


class Progress:
    """Implements the stores of the route that workers tell, and of the one that shows it."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def tell(self, node: UUID, told: Sequence[AttemptTells]) -> int:
        """Keep it; of how many attempts."""
        ordered = sorted(told, key=lambda one: (one.job_id, one.attempt))
        columns = (
            [one.job_id for one in ordered],
            [one.attempt for one in ordered],
            [None if one.progress is None else _text(one.progress) for one in ordered],
            [None if not one.lines else _list(one.lines) for one in ordered],
        )
        rows = await self._database.run(lambda raw: raw.fetch(TELL, node, *columns))
        return len(rows)

    async def log_of(self, job_id: UUID) -> list[dict[str, Any]]:
        """The lines of all attempts of a job, oldest first: attempt, at, level, text."""
        rows = await self._database.run(lambda raw: raw.fetch(LOG_OF, job_id))
        return [{"attempt": row["attempt"], **line} for row in rows for line in row["log"]]


def _text(message: Any) -> str:
    text: str = message.model_dump_json(by_alias=True)
    return text


def _list(messages: Sequence[Any]) -> str:
    return f"[{','.join(_text(message) for message in messages)}]"
