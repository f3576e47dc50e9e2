"""What metrics show of the database: read at each scrape, each by an index or from small tables."""

from dataclasses import dataclass
from typing import Any

from job_service.domain.outside import OUTSIDE
from job_service.domain.priority import BANDS
from job_service.postgres.counts import COUNTS
from job_service.postgres.database import Database, Raw

# Attempts in flight by where they are, sessions by role, and how long the oldest due job has waited: one look
# into `due` for each declared type and band.
GAUGES = """
SELECT (SELECT json_agg(json_build_array(place, attempts)) FROM (
            SELECT CASE WHEN worker = $1 THEN 'outside' WHEN worker IS NOT NULL THEN 'leased'
                        ELSE 'claimed' END AS place, count(*) AS attempts
            FROM inflight GROUP BY 1) AS by_place) AS in_flight,
       (SELECT json_agg(json_build_array(role, nodes, slots, running, held)) FROM (
            SELECT role, count(*) AS nodes, sum(slots) AS slots, sum(running) AS running, sum(held) AS held
            FROM nodes WHERE state = 'live' GROUP BY role) AS by_role) AS nodes,
       (SELECT json_agg(json_build_array(t.name, greatest(0, extract(epoch FROM clock_timestamp() - oldest))))
        FROM job_types AS t CROSS JOIN LATERAL (
            SELECT min(first.dispatch_at) AS oldest FROM unnest($2::smallint[]) AS b (band)
            CROSS JOIN LATERAL (
                SELECT due.dispatch_at FROM due WHERE due.job_type = t.name AND due.band = b.band
                ORDER BY due.dispatch_at LIMIT 1) AS first) AS looked
        WHERE oldest <= clock_timestamp()) AS oldest,
       (SELECT sum(end_offset - committed)::bigint FROM topic_positions) AS lag,
       (SELECT count(*) FROM due WHERE status = 'FAILED')
           + (SELECT count(*) FROM in_line WHERE status = 'FAILED') AS backing_off,
       (SELECT count(*) FROM bulk_actions WHERE finished_at IS NULL) AS bulk_actions
"""


@dataclass(frozen=True)
class Snapshot:
    """`nodes`: (role, nodes, slots, running, held). `oldest_due`: (job type, seconds). `dead_letters`: what is
    FAILED and has no other try to come."""

    jobs: dict[str, int]
    in_flight: dict[str, int]
    nodes: list[tuple[str, int, int, int, int]]
    oldest_due: dict[str, float]
    lag: int
    dead_letters: int
    bulk_actions: int


class Gauges:
    """Reads them all."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def read(self) -> Snapshot:
        """As of now."""

        async def unit(raw: Raw) -> tuple[Any, Any]:
            return await raw.fetch(COUNTS), await raw.fetchrow(GAUGES, OUTSIDE, list(BANDS))

        counts, row = await self._database.run(unit)
        jobs = {c["status"]: c["jobs"] for c in counts}
        return Snapshot(
            jobs=jobs,
            in_flight=dict(row["in_flight"] or []),
            nodes=[tuple(node) for node in row["nodes"] or []],
            oldest_due={name: float(seconds) for name, seconds in row["oldest"] or []},
            lag=row["lag"] or 0,
            dead_letters=max(0, jobs.get("FAILED", 0) - row["backing_off"]),
            bulk_actions=row["bulk_actions"],
        )
