"""The event feed: who carries it, how far it is acknowledged, and the rows of the history that follow.

Rows are read by (xid, job_id, version) below the oldest running transaction: what is there is complete, and no
row can appear at or before a place that was read. The order of a job's versions is mended by the operation
(job_service/domain/feed_order.py, ADR 0010).
"""

import asyncio
import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache
from uuid import UUID

import asyncpg

from job_service.domain.feed_order import HistoryRow, Place
from job_service.postgres.database import Database
from job_service.postgres.lookup import lookup
from shared.contracts.base import rfc3339
from shared.contracts.events import FeedCursor

_WHOLE_STAMP = len("2026-11-21 10:00:00.123456+00")

SLICE = 100
"""Rows made into events in one go; some 0.5 ms, in which nothing else is answered."""

CLUSTER = """(SELECT system_identifier || '/' || substr(pg_walfile_name(pg_current_wal_lsn()), 1, 8)
       FROM pg_control_system())"""
"""Whose transaction ids we see: the system, and its timeline."""

# Be the carrier, if the one before is dead or silent: its session is over, or it asked too long ago. What the
# carrier acknowledged moves the cursor, forward only. The node's row is locked, live (R4).
CARRY = f"""
WITH live AS MATERIALIZED (
    SELECT id FROM nodes WHERE id = $1 AND role = 'scheduler' AND state = 'live' FOR KEY SHARE
),
carried AS (
    UPDATE event_feed AS f
    SET node = $1, asked_at = clock_timestamp(),
        (xid, job_id, version) = (
            SELECT p.xid, p.job_id, p.version
            FROM (VALUES (f.xid, f.job_id, f.version, true),
                         ($3::xid8, $4::uuid, $5::int, f.node = $1 AND f.cluster = $2))
                 AS p (xid, job_id, version, counts)
            WHERE p.counts
            ORDER BY p.xid DESC, p.job_id DESC, p.version DESC LIMIT 1)
    WHERE EXISTS (SELECT FROM live)
      AND (f.node IS NULL OR f.node = $1 OR f.asked_at < clock_timestamp() - $6 * interval '1 second'
           OR NOT EXISTS (SELECT FROM nodes AS n WHERE n.id = f.node AND n.state = 'live'
                          AND n.expires_at > clock_timestamp()))
    RETURNING f.xid, f.job_id, f.version, f.cluster
)
SELECT EXISTS (SELECT FROM live) AS live, clock_timestamp() AS now, {CLUSTER} AS here, c.*
FROM (VALUES (1)) AS one LEFT JOIN carried AS c ON true
"""

_FACTS = """
       h.xid, h.job_id, h.version, p.xid AS before, h.from_status, h.to_status, h.attempt, h.node,
       h.at::text, h.reason, h.actor, j.job_type, j.traceparent
"""
# The row of the version before stands in the same partition: the join is made partition by partition
# (enable_partitionwise_join), which spares each row the choice of one.
_BESIDES = f"""
LEFT JOIN job_history AS p ON p.job_id = h.job_id AND p.version = h.version - 1
LEFT JOIN jobs AS j ON {lookup("j.id", "h.job_id")}
"""

# What follows the cursor and is complete.
READ = f"""
SELECT {_FACTS}
FROM job_history AS h {_BESIDES}
WHERE (h.xid, h.job_id, h.version) > ($1::xid8, $2::uuid, $3::int)
  AND h.xid < pg_snapshot_xmin(pg_current_snapshot())
ORDER BY h.xid, h.job_id, h.version LIMIT $4
"""

# The versions of jobs below these that were not acknowledged yet. Rare: only where a job's versions and their
# transaction ids are in different orders.
BELOW = f"""
SELECT {_FACTS}
FROM unnest($2::uuid[], $3::int[]) AS w (job_id, version)
CROSS JOIN LATERAL (SELECT * FROM job_history AS i
                    WHERE i.job_id = w.job_id AND i.version < w.version AND i.xid >= $1::xid8) AS h
{_BESIDES}
"""

# Transaction ids of another cluster that are ahead of ours: a dump was restored, and these rows came with it.
LEFT_OVER = f"""
SELECT {_FACTS}
FROM job_history AS h {_BESIDES}
WHERE (h.xid, h.job_id, h.version) > (
    greatest($1::xid8, pg_snapshot_xmax(pg_current_snapshot())),
    CASE WHEN $1::xid8 >= pg_snapshot_xmax(pg_current_snapshot()) THEN $2::uuid
         ELSE '00000000-0000-0000-0000-000000000000' END,
    CASE WHEN $1::xid8 >= pg_snapshot_xmax(pg_current_snapshot()) THEN $3::int ELSE -1 END)
ORDER BY h.xid, h.job_id, h.version LIMIT $4
"""

# The database has become another one. After a promotion its transaction ids go on; in a restored dump they
# begin anew, and so does the feed.
ADOPT = f"""
UPDATE event_feed
SET cluster = {CLUSTER}, xid = CASE WHEN $2 THEN '0' ELSE xid END,
    job_id = CASE WHEN $2 THEN '00000000-0000-0000-0000-000000000000' ELSE job_id END,
    version = CASE WHEN $2 THEN 0 ELSE version END
WHERE cluster = $1
"""


@dataclass(frozen=True)
class Carried:
    """`cursor` is None for a node that is not the carrier. `cluster` is the database as it is now."""

    live: bool
    cursor: FeedCursor | None
    cluster: str
    now: datetime


class Feed:
    """Implements the store of `feed_events`."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def carry(self, node: UUID, acked: FeedCursor | None, silent_seconds: float) -> Carried:
        """Take what the node acknowledged, and say whether it carries the feed."""
        place = (None, None, None) if acked is None else (acked.xid, acked.job_id, acked.version)
        cluster = None if acked is None else acked.cluster
        row = await self._database.run(
            lambda raw: raw.fetchrow(CARRY, node, cluster, *place, silent_seconds)
        )
        assert row is not None
        cursor = None
        if row["cluster"] is not None:
            cursor = FeedCursor(
                cluster=row["cluster"],
                xid=row["xid"],
                job_id=row["job_id"],
                version=row["version"],
            )
        return Carried(live=row["live"], cursor=cursor, cluster=row["here"], now=row["now"])

    async def read(self, after: Place, limit: int) -> list[HistoryRow]:
        """The next rows of the feed, at most `limit`."""
        rows = await self._database.run(lambda raw: raw.fetch(READ, *after, limit))
        read: list[HistoryRow] = []
        for first in range(0, len(rows), SLICE):
            read += map(_row, rows[first : first + SLICE])
            await asyncio.sleep(0)
        return read

    async def below(self, jobs: Mapping[UUID, int], after: Place) -> list[HistoryRow]:
        """The rows of these jobs with lower versions than these, as far as they are not before `after`."""
        ids = sorted(jobs)
        rows = await self._database.run(
            lambda raw: raw.fetch(BELOW, after[0], ids, [jobs[job_id] for job_id in ids])
        )
        return [row for row in map(_row, rows) if row.place > after]

    async def left_over(self, after: Place, limit: int) -> list[HistoryRow]:
        """The next rows whose transaction ids are another cluster's and ahead of ours."""
        rows = await self._database.run(lambda raw: raw.fetch(LEFT_OVER, *after, limit))
        return [_row(row) for row in rows]

    async def adopt(self, old: str, *, start_over: bool) -> None:
        """The feed is this cluster's from now on; from the beginning or from where it is."""
        await self._database.run(lambda raw: raw.execute(ADOPT, old, start_over))


def _row(row: asyncpg.Record) -> HistoryRow:
    (
        xid,
        job_id,
        version,
        before,
        was,
        to,
        attempt,
        node,
        at,
        reason,
        actor,
        job_type,
        traceparent,
    ) = row
    job, moment = str(job_id), _moment(at)
    # By hand, as it is made for each transition: the models take ten times as long, and say the same.
    states, by, why = _kind(was, to, node, reason, actor, job_type)
    event = (
        f'{{"jobId":"{job}","version":{version},"to":"{to}","at":"{moment}",'
        f'"value":"{{\\"jobId\\":\\"{job}\\",\\"version\\":{version},{states}'
        f'\\"attempt\\":{attempt},{by}\\"at\\":\\"{moment}\\",{why}}}",'
        f'"traceparent":{"null" if traceparent is None else json.dumps(traceparent)}}}'
    )
    return HistoryRow(xid, job_id, version, before, event)


def _moment(at: str) -> str:
    """As `rfc3339` writes a time, from the text of PostgreSQL: `2026-11-21 10:00:00.123456+00`, without zeros
    at the end. To make a datetime of it takes five times as long."""
    if len(at) == _WHOLE_STAMP and at.endswith("+00"):
        return f"{at[:10]}T{at[11:23]}Z"
    return rfc3339(datetime.fromisoformat(at))


@lru_cache(maxsize=4_000)
def _kind(
    was: str | None, to: str, node: UUID | None, reason: str, actor: str, job_type: str | None
) -> tuple[str, str, str]:
    """The parts of an event that many share, as they stand inside a string of JSON: before the attempt, after
    it, and at the end. Words, types and nodes are few."""
    states = f'"from":{_quoted(was)},"to":{_quoted(to)},'
    by = f'"node":{_quoted(None if node is None else str(node))},'
    why = (
        f'"reason":{_quoted(reason)},"actor":{_quoted(actor)},"jobType":{_quoted(job_type)},'
        '"schema":1'
    )
    return _quoted(states)[1:-1], _quoted(by)[1:-1], _quoted(why)[1:-1]


def _quoted(text: str | None) -> str:
    """As JSON."""
    return json.dumps(text, ensure_ascii=False)
