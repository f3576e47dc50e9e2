"""Everything that says why one job is not running, in one look."""

from uuid import UUID

import asyncpg

from job_service.domain.why import Facts, Placed
from job_service.postgres.database import Database
from job_service.postgres.jobs import job_of

_LIVE = "(n.state = 'live' AND n.expires_at > clock_timestamp())"
_RUNS_IT = "n.role = 'worker' AND j.job_type = ANY (n.types)"

# The job, who has it, its type, its last change, and who could take it. Only for a suspect all that workers
# hold is looked at.
FACTS = f"""
SELECT j.*, clock_timestamp() AS now, d.job_id IS NOT NULL AS armed, l.job_id IS NOT NULL AS in_line,
       k.job_id AS key_holder, h.at AS changed_at, h.reason AS change,
       i.job_id IS NOT NULL AS placed, i.scheduler, i.worker, i.since, i.look_at, i.topic_partition,
       i.record_offset, p.committed,
       holder.state AS node_state, holder.expires_at AS node_expires_at,
       holder.last_seen_at AS node_last_seen_at,
       t.name IS NOT NULL AS declared, t.paused_at,
       (SELECT count(*) FROM nodes AS n WHERE n.role = 'scheduler' AND {_LIVE}) AS schedulers,
       (SELECT count(*) FROM nodes AS n WHERE {_RUNS_IT} AND {_LIVE}) AS workers,
       (SELECT count(*) FROM nodes AS n
        WHERE {_RUNS_IT} AND n.state = 'live' AND NOT {_LIVE}) AS silent_workers,
       CASE WHEN j.lost >= $2 THEN
           (SELECT count(*) FROM nodes AS n WHERE {_RUNS_IT} AND {_LIVE} AND NOT EXISTS (
                SELECT FROM inflight AS s WHERE s.worker = n.id AND s.suspect)) END AS open_to_suspects,
       (SELECT suspended_until FROM reaper_tick WHERE suspended_until > clock_timestamp()) AS amnesty_until
FROM jobs AS j
LEFT JOIN due AS d ON d.job_id = $1
LEFT JOIN in_line AS l ON l.job_id = $1
LEFT JOIN ordering_keys AS k ON k.ordering_key = l.ordering_key
LEFT JOIN inflight AS i ON i.job_id = $1
LEFT JOIN nodes AS holder ON holder.id = coalesce(i.worker, i.scheduler)
LEFT JOIN topic_positions AS p ON p.topic_partition = i.topic_partition
LEFT JOIN job_types AS t ON t.name = j.job_type
LEFT JOIN job_history AS h ON h.job_id = $1 AND h.version = j.version
WHERE j.id = $1
"""


class Explaining:
    """Implements the store of `explain_job`."""

    def __init__(self, database: Database, *, suspect_after: int) -> None:
        self._database = database
        self._suspect_after = suspect_after

    async def facts(self, job_id: UUID) -> Facts | None:
        """How a job stands, or None if there is none."""
        row = await self._database.run(lambda raw: raw.fetchrow(FACTS, job_id, self._suspect_after))
        return None if row is None else _facts(row)


def _facts(row: asyncpg.Record) -> Facts:
    return Facts(
        job=job_of(row),
        now=row["now"],
        ready_at=row["ready_at"],
        dispatch_at=row["dispatch_at"],
        armed=row["armed"],
        key_holder=row["key_holder"] if row["in_line"] else None,
        placed=_placed(row) if row["placed"] else None,
        changed_at=row["changed_at"],
        change=row["change"],
        declared=row["declared"],
        paused_at=row["paused_at"],
        schedulers=row["schedulers"],
        workers=row["workers"],
        silent_workers=row["silent_workers"],
        open_to_suspects=row["open_to_suspects"],
        amnesty_until=row["amnesty_until"],
    )


def _placed(row: asyncpg.Record) -> Placed:
    return Placed(
        scheduler=row["scheduler"],
        worker=row["worker"],
        since=row["since"],
        look_at=row["look_at"],
        topic_partition=row["topic_partition"],
        record_offset=row["record_offset"],
        committed=row["committed"],
        node_state=row["node_state"],
        node_expires_at=row["node_expires_at"],
        node_last_seen_at=row["node_last_seen_at"],
    )
