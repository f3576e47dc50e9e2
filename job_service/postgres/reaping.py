"""The reaper's statements: the tick, marking the dead, and taking back what they hold."""

from collections.abc import Sequence
from dataclasses import dataclass

import asyncpg

from job_service.postgres.database import Database, Raw
from job_service.postgres.lookup import lookup
from job_service.postgres.transition import ARM, HISTORY, LOCK, NO_OUTCOME, NOT_IN_FLIGHT

# One tick (R14). A gap over two seconds, a clock that went backward or a new timeline means that renewals
# may have been impossible: reaping is suspended for one TTL from now.
TICK = """
INSERT INTO reaper_tick AS t (ticked_at, timeline, suspended_until)
VALUES (clock_timestamp(), substr(pg_walfile_name(pg_current_wal_lsn()), 1, 8),
        clock_timestamp() + $1 * interval '1 second')
ON CONFLICT (the_one) DO UPDATE
SET suspended_until = CASE
        WHEN excluded.ticked_at - t.ticked_at > $2 * interval '1 second'
          OR excluded.ticked_at < t.ticked_at OR excluded.timeline <> t.timeline
        THEN excluded.ticked_at + $1 * interval '1 second' ELSE t.suspended_until END,
    ticked_at = excluded.ticked_at, timeline = excluded.timeline
RETURNING suspended_until > clock_timestamp() AS suspended
"""

AMNESTY_OVER = """
EXISTS (SELECT FROM reaper_tick WHERE suspended_until <= clock_timestamp()
        AND clock_timestamp() - ticked_at <= $2 * interval '1 second'
        AND clock_timestamp() >= ticked_at)
"""

# Compare-and-set on nodes whose session is past its end plus grace. Their rows are locked FOR UPDATE, so
# that a lease or a claim under way is waited for; jobs are moved by a later statement, which sees them (R4).
# The amnesty is looked at in here once more: the database itself may have been frozen since the tick.
MARK = f"""
WITH silent AS MATERIALIZED (
    SELECT id FROM nodes
    WHERE state = 'live' AND expires_at + $1 * interval '1 second' < clock_timestamp() AND {AMNESTY_OVER}
    ORDER BY id FOR UPDATE
)
UPDATE nodes SET state = 'dead', died_at = clock_timestamp(), death = 'silent'
WHERE id = ANY (ARRAY (SELECT id FROM silent)) AND state = 'live'
RETURNING id, role
"""

# What dead nodes still hold is looked for again each time (R4), node by node: a plain join may walk through
# all that is in flight instead.
HELD_BY_DEAD = """
SELECT i.job_id FROM nodes AS n
CROSS JOIN LATERAL (SELECT job_id FROM inflight WHERE worker = n.id LIMIT $1) AS i
WHERE n.state = 'dead' LIMIT $1
"""
CLAIMED_BY_DEAD = """
SELECT i.job_id FROM nodes AS n
CROSS JOIN LATERAL (SELECT job_id FROM inflight WHERE scheduler = n.id LIMIT $1) AS i
WHERE n.state = 'dead' LIMIT $1
"""

# Whether the attempt may have begun (R15): it ran, or it was held past its due time.
_BEGAN = "(j.status = 'RUNNING' OR j.ready_at <= statement_timestamp())"
_POISON = """(j.status = 'RUNNING' AND NOT j.cancel_requested AND j.lost >= $2
              AND j.suspect_losses + 1 >= $3)"""
_BECOMES = f"""CASE WHEN j.cancel_requested THEN 'CANCELLED'
              WHEN {_POISON} THEN 'FAILED' ELSE 'SCHEDULED' END"""

# Takes leased jobs, which are locked already, from dead holders: back to SCHEDULED with a new attempt, due at
# once if its time has come; CANCELLED where a cancel was asked (R20). `lost` rises where the attempt may have
# begun (R15). A job lost as a suspect for the last time allowed is quarantined: FAILED, reason poison.
TAKE_BACK = f"""
WITH moved AS (
    UPDATE jobs AS j
    SET prev_status = j.status, status = {_BECOMES}, version = j.version + 1, node = NULL,
        updated_at = clock_timestamp(),
        attempt = j.attempt + CASE {_BECOMES} WHEN 'SCHEDULED' THEN 1 ELSE 0 END,
        lost = j.lost + CASE WHEN {_BEGAN} THEN 1 ELSE 0 END,
        suspect_losses = j.suspect_losses
            + CASE WHEN j.status = 'RUNNING' AND j.lost >= $2 THEN 1 ELSE 0 END,
        ready_at = CASE WHEN {_BEGAN} THEN clock_timestamp() ELSE j.ready_at END,
        dispatch_at = greatest(j.ready_at, clock_timestamp()),
        error = CASE WHEN {_POISON} THEN 'quarantined: it was lost with its worker too often'
                     ELSE j.error END,
        finished_at = CASE {_BECOMES} WHEN 'SCHEDULED' THEN NULL ELSE clock_timestamp() END
    WHERE j.id = ANY ($1::uuid[])
      AND j.status IN ('RUNNING', 'SCHEDULED')
      AND EXISTS (SELECT FROM nodes AS n WHERE n.id = j.node AND n.state = 'dead')
    RETURNING j.id, j.version, j.prev_status, j.status, j.attempt, NULL::uuid AS by_node,
              CASE j.status WHEN 'FAILED' THEN 'poison' ELSE 'lost' END AS reason, 'duty' AS actor,
              {NO_OUTCOME}, j.job_type, j.band, j.dispatch_at, j.status = 'SCHEDULED' AS arms,
              j.attempt - CASE j.status WHEN 'SCHEDULED' THEN 1 ELSE 0 END AS taken
),
{HISTORY}, {NOT_IN_FLIGHT}, {ARM},
settled AS (
    INSERT INTO unsuccessful (status, job_id, job_type, reason)
    SELECT status, id, job_type, reason FROM moved WHERE NOT arms
),
executed AS (
    UPDATE executions AS e SET status = 'LOST', ended_at = clock_timestamp()
    FROM moved AS m WHERE {lookup("e.job_id", "m.id")} AND e.attempt = m.taken
)
SELECT id, reason FROM moved
"""

# Locks for the reaper and the reconciler, for a short wait only and then what is free. A stranger who keeps one
# job locked would stop the rest of the batch, and with it the ticks: then nobody is reaped at all (R14).
WAIT_BRIEFLY = "SET LOCAL lock_timeout = '500ms'"
LOCK_FREE = "SELECT id FROM jobs WHERE id = ANY ($1::uuid[]) ORDER BY id FOR UPDATE SKIP LOCKED"

# Arms again what was claimed and never leased, with the same attempt and at the place that it had: it waits
# longest. No visible change, so no version. The job is locked first and the guard looks at it: a lease that
# came meanwhile keeps it.
ARM_AGAIN = """
WITH moved AS MATERIALIZED (
    SELECT j.id, j.job_type, j.band, j.dispatch_at FROM jobs AS j
    WHERE j.id = ANY ($1::uuid[]) AND j.status = 'SCHEDULED' AND j.node IS NULL
),
landed AS (DELETE FROM inflight WHERE job_id = ANY (ARRAY (SELECT id FROM moved))),
armed AS (
    INSERT INTO due (job_id, job_type, band, dispatch_at, status)
    SELECT id, job_type, band, dispatch_at, 'SCHEDULED' FROM moved
    ON CONFLICT (job_id) DO UPDATE SET dispatch_at = excluded.dispatch_at
)
SELECT id FROM moved
"""

# The oldest dead nodes that nothing refers to any more.
PRUNE = """
DELETE FROM nodes AS n
WHERE n.state = 'dead' AND n.died_at < clock_timestamp() - $1 * interval '1 second'
  AND NOT EXISTS (SELECT FROM inflight AS i WHERE i.worker = n.id)
  AND NOT EXISTS (SELECT FROM inflight AS i WHERE i.scheduler = n.id)
"""
PRUNE_SEQ = (
    "DELETE FROM scheduler_claims AS c WHERE NOT EXISTS (SELECT FROM nodes WHERE id = c.node)"
)


@dataclass(frozen=True)
class ReapTerms:
    """Numbers of the reaper. `grace_seconds` is waited beyond a session's end; `amnesty_seconds` is how
    long reaping is suspended; a tick later than `gap_seconds` after the one before suspends it."""

    grace_seconds: float
    amnesty_seconds: float
    gap_seconds: float
    suspect_after: int
    poison_losses: int


class Reaping:
    """Implements the stores of the duties reap and reconcile (what both take back)."""

    def __init__(self, database: Database, terms: ReapTerms) -> None:
        self._database = database
        self._terms = terms

    async def tick(self) -> bool:
        """Write the tick; whether reaping is suspended."""
        suspended: bool = await self._database.run(
            lambda raw: raw.fetchval(TICK, self._terms.amnesty_seconds, self._terms.gap_seconds)
        )
        return suspended

    async def mark_dead(self) -> int:
        """Declare nodes dead whose session is over; how many."""
        rows = await self._database.run(
            lambda raw: raw.fetch(MARK, self._terms.grace_seconds, self._terms.gap_seconds)
        )
        return len(rows)

    async def take_back(self, limit: int) -> list[asyncpg.Record]:
        """Take back up to `limit` jobs that dead workers hold; those that moved, with their reason."""

        async def unit(raw: Raw) -> list[asyncpg.Record]:
            held = await raw.fetch(HELD_BY_DEAD, limit)
            if not held:
                return []
            terms = self._terms
            ids = await _lock(raw, _ids(held))
            rows: list[asyncpg.Record] = await raw.fetch(
                TAKE_BACK, ids, terms.suspect_after, terms.poison_losses
            )
            return rows

        return await self._database.transaction(unit)

    async def arm_claims_of_dead(self, limit: int) -> int:
        """Arm again up to `limit` jobs that dead schedulers had claimed and nobody leased; how many."""

        async def unit(raw: Raw) -> int:
            claimed = await raw.fetch(CLAIMED_BY_DEAD, limit)
            return await arm_again(raw, _ids(claimed)) if claimed else 0

        return await self._database.run(unit)

    async def prune(self, older_than_seconds: float) -> int:
        """Forget nodes that died long ago; how many."""

        async def unit(raw: Raw) -> int:
            done = await raw.execute(PRUNE, older_than_seconds)
            await raw.execute(PRUNE_SEQ)
            return int(done.split()[-1])

        return await self._database.run(unit)


async def arm_again(raw: Raw, ids: list[object]) -> int:
    """Arm those again that nobody leased; how many. What somebody has locked is left for the next round."""
    async with raw.transaction():
        return len(await raw.fetch(ARM_AGAIN, await _lock(raw, ids)))


async def _lock(raw: Raw, ids: list[object]) -> list[object]:
    """Lock jobs in a transaction; those that are locked now."""
    try:
        async with raw.transaction():
            await raw.execute(WAIT_BRIEFLY)
            await raw.execute(LOCK, ids)
            return ids
    except asyncpg.LockNotAvailableError:
        return [row["id"] for row in await raw.fetch(LOCK_FREE, ids)]


def _ids(rows: Sequence[asyncpg.Record]) -> list[object]:
    return [row["job_id"] for row in rows]
