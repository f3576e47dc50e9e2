"""Lease, explain a refusal, decline, release: the worker's side of an attempt before its end."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

import asyncpg

from job_service.postgres.busy import naming_busy
from job_service.postgres.database import Database, Raw
from job_service.postgres.job_types import take_back
from job_service.postgres.lookup import lookup
from job_service.postgres.transition import (
    ARM,
    HISTORY,
    LOCK,
    NO_OUTCOME,
    NOT_IN_FLIGHT,
    OUT_OF_LINE,
)
from shared.contracts.nodes import AttemptRef
from shared.contracts.way import Stamps
from shared.runtime import failpoints

# The fields that a grant carries.
GRANT = """
j.id, j.attempt, j.status, j.job_type, j.payload, j.ready_at, j.failures, j.max_attempts,
j.cancel_requested, j.name, j.traceparent
"""

EPOCH = "('x' || substr(pg_walfile_name(pg_current_wal_lsn()), 1, 8))::bit(32)::int"
"""The first part of the fencing token (R22): the timeline, which rises when a standby is promoted."""

# Goes before LEASE, in the same transaction. The jobs are locked in the order of their ids (R11), but first the
# lock of pauses is shared (job_types.py): a pause that has committed is seen by the statement after this, and a
# later one waits for its commit. In this order nobody waits for a pause with jobs locked.
LOCK_BESIDE_PAUSES = """
WITH paused AS MATERIALIZED (SELECT paused_types() AS names)
SELECT FROM jobs WHERE id = ANY ($1::uuid[]) AND (SELECT count(*) FROM paused) = 1 ORDER BY id FOR UPDATE
"""

# Gives a node the attempts that it asks for: SCHEDULED, this attempt, not leased. What is due becomes
# RUNNING, what is not stays SCHEDULED and held. The node's row is locked, live, to the end (R4); the jobs are
# locked already. Nothing of a paused type is given. Of the suspects among the jobs one at most, and only if the
# node holds none. The due row of a job that was armed again meanwhile goes along (R6).
LEASE = f"""
WITH live AS MATERIALIZED (
    SELECT id FROM nodes WHERE id = $1 AND role = 'worker' AND state = 'live' FOR KEY SHARE
),
asked AS MATERIALIZED (
    SELECT * FROM unnest($2::uuid[], $3::int[], $4::uuid[], $8::timestamptz[], $9::timestamptz[],
                         $10::timestamptz[])
         AS a (job_id, attempt, execution_id, claimed_at, published_at, received_at)
    WHERE EXISTS (SELECT FROM live)
),
suspect AS MATERIALIZED (
    SELECT j.id FROM jobs AS j
    WHERE j.id = ANY (ARRAY (SELECT job_id FROM asked)) AND j.lost >= $5
      AND NOT EXISTS (SELECT FROM inflight AS i WHERE i.worker = $1 AND i.suspect)
    ORDER BY j.id LIMIT 1
),
moved AS (
    UPDATE jobs AS j
    SET prev_status = j.status,
        status = CASE WHEN j.ready_at <= statement_timestamp() THEN 'RUNNING' ELSE 'SCHEDULED' END,
        version = j.version + 1, node = $1, updated_at = clock_timestamp(),
        started_at = CASE WHEN j.ready_at <= statement_timestamp() THEN clock_timestamp()
                          ELSE j.started_at END
    FROM asked AS a
    WHERE {lookup("j.id", "a.job_id")}
      AND j.status = 'SCHEDULED' AND j.attempt = a.attempt AND j.node IS NULL
      AND (j.expires_at IS NULL OR j.expires_at > statement_timestamp() OR j.started_at IS NOT NULL)
      AND (j.lost < $5 OR j.id = (SELECT id FROM suspect)) AND {OUT_OF_LINE}
      AND NOT EXISTS (SELECT FROM job_types AS t WHERE t.name = j.job_type AND t.paused_at IS NOT NULL)
    RETURNING {GRANT}, j.version, j.prev_status, $1::uuid AS by_node,
              CASE j.status WHEN 'RUNNING' THEN 'started' ELSE 'held' END AS reason, 'worker' AS actor,
              {NO_OUTCOME}, a.execution_id, a.claimed_at, a.published_at, a.received_at,
              j.lost >= $5 AS is_suspect,
              coalesce(j.timeout_seconds,
                       (SELECT t.timeout_seconds FROM job_types AS t WHERE t.name = j.job_type),
                       $6) AS timeout_seconds
),
{HISTORY},
off_the_shelf AS (DELETE FROM due WHERE job_id = ANY (ARRAY (SELECT id FROM moved))),
in_flight AS (
    INSERT INTO inflight (job_id, attempt, job_type, ready_at, worker, suspect, since, look_at)
    SELECT id, attempt, job_type, ready_at, $1, is_suspect, clock_timestamp(),
           greatest(ready_at, clock_timestamp()) + (timeout_seconds + $7) * interval '1 second'
    FROM moved
    ON CONFLICT (job_id) DO UPDATE
    SET scheduler = NULL, claim_seq = NULL, worker = excluded.worker, suspect = excluded.suspect,
        attempt = excluded.attempt, since = excluded.since, look_at = excluded.look_at
),
executed AS (
    INSERT INTO executions (job_id, attempt, id, node, status, due_at, leased_at, started_at, claimed_at,
                            published_at, received_at)
    SELECT id, attempt, execution_id, $1, CASE status WHEN 'RUNNING' THEN 'RUNNING' ELSE 'HELD' END,
           ready_at, clock_timestamp(), CASE status WHEN 'RUNNING' THEN clock_timestamp() END,
           claimed_at, published_at, received_at
    FROM moved
)
SELECT id, attempt, status, job_type, payload, ready_at, failures, max_attempts, cancel_requested, name,
       traceparent, execution_id, timeout_seconds, published_at, NULL::int AS epoch, NULL::timestamptz AS now
FROM moved
UNION ALL
SELECT NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, {EPOCH},
       clock_timestamp()
FROM live
"""

# What stands in the way of a lease, and what a repeat of one is told (R1).
EXPLAIN = f"""
SELECT {GRANT}, j.node, j.lost, e.id AS execution_id, clock_timestamp() AS now, {EPOCH} AS epoch,
       j.expires_at <= clock_timestamp() AND j.started_at IS NULL AS expired, NOT {OUT_OF_LINE} AS in_line,
       EXISTS (SELECT FROM job_types AS t WHERE t.name = j.job_type AND t.paused_at IS NOT NULL) AS paused,
       coalesce(j.timeout_seconds,
                (SELECT t.timeout_seconds FROM job_types AS t WHERE t.name = j.job_type),
                $2) AS timeout_seconds
FROM jobs AS j LEFT JOIN executions AS e ON {lookup("e.job_id", "j.id")} AND e.attempt = j.attempt
WHERE j.id = ANY ($1::uuid[])
"""

# A worker cannot take these: back to due with a short back-off, the attempt stays (R23). No visible change,
# so no version; both narrow rows change together, driven by the locked job. Where others wait for their turn
# already, what may run elsewhere at once keeps its place instead: behind them it would wait for all of them
# again, each time that a worker is full.
DECLINE = f"""
WITH asked AS MATERIALIZED (
    SELECT * FROM unnest($1::uuid[], $2::int[], $3::float8[], $4::bool[]) AS a (job_id, attempt, wait, keeps)
),
moved AS (
    UPDATE jobs AS j
    SET dispatch_at = CASE
        WHEN a.keeps AND EXISTS (
            SELECT FROM due AS d WHERE d.job_type = j.job_type AND d.band = j.band
              AND d.dispatch_at <= statement_timestamp())
        THEN least(j.dispatch_at, clock_timestamp())
        ELSE clock_timestamp() + a.wait * interval '1 second' END
    FROM asked AS a
    WHERE {lookup("j.id", "a.job_id")}
      AND j.status = 'SCHEDULED' AND j.attempt = a.attempt AND j.node IS NULL AND {OUT_OF_LINE}
    RETURNING j.id, j.job_type, j.band, j.dispatch_at
),
landed AS (DELETE FROM inflight WHERE job_id = ANY (ARRAY (SELECT id FROM moved))),
armed AS (
    INSERT INTO due (job_id, job_type, band, dispatch_at, status)
    SELECT id, job_type, band, dispatch_at, 'SCHEDULED' FROM moved
    ON CONFLICT (job_id) DO UPDATE SET dispatch_at = excluded.dispatch_at
)
SELECT id FROM moved
"""

# Gives back what this node holds, running or held, fenced by node and attempt: a new attempt, due at once if
# its time has come; CANCELLED instead where a cancel was asked (R20). failures and lost stay.
RELEASE = f"""
WITH locked AS MATERIALIZED (SELECT id FROM jobs WHERE id = ANY ($2::uuid[]) ORDER BY id FOR UPDATE),
asked AS MATERIALIZED (
    SELECT * FROM unnest($2::uuid[], $3::int[]) AS a (job_id, attempt)
    WHERE (SELECT count(*) FROM locked) > 0
),
moved AS (
    UPDATE jobs AS j
    SET prev_status = j.status,
        status = CASE WHEN j.cancel_requested THEN 'CANCELLED' ELSE 'SCHEDULED' END,
        version = j.version + 1, node = NULL, updated_at = clock_timestamp(),
        attempt = j.attempt + CASE WHEN j.cancel_requested THEN 0 ELSE 1 END,
        dispatch_at = greatest(j.ready_at, clock_timestamp()),
        finished_at = CASE WHEN j.cancel_requested THEN clock_timestamp() END
    FROM asked AS a
    WHERE {lookup("j.id", "a.job_id")}
      AND j.status IN ('RUNNING', 'SCHEDULED') AND j.attempt = a.attempt AND j.node = $1
    RETURNING j.id, a.attempt AS released, j.version, j.prev_status, j.status, j.attempt,
              $1::uuid AS by_node, $4::text AS reason, 'worker' AS actor, {NO_OUTCOME},
              j.job_type, j.band, j.dispatch_at, NOT j.cancel_requested AS arms
),
{HISTORY}, {NOT_IN_FLIGHT}, {ARM},
settled AS (
    INSERT INTO unsuccessful (status, job_id) SELECT status, id FROM moved WHERE NOT arms
),
executed AS (
    UPDATE executions AS e
    SET status = CASE m.status WHEN 'CANCELLED' THEN 'CANCELLED' ELSE 'RELEASED' END,
        ended_at = clock_timestamp()
    FROM moved AS m WHERE {lookup("e.job_id", "m.id")} AND e.attempt = m.released
)
SELECT id, released FROM moved
"""


@dataclass(frozen=True)
class LeaseTerms:
    """Numbers that the lease statement takes from the settings.

    A job lost `suspect_after` times is a suspect; `default_timeout_seconds` where neither job nor type names
    a time; the server ends an attempt `deadline_grace_seconds` after its time-out (R16).
    """

    suspect_after: int
    default_timeout_seconds: float
    deadline_grace_seconds: float


class Leases:
    """Implements the store of `lease_attempts` and `release_attempts`."""

    def __init__(self, database: Database, terms: LeaseTerms) -> None:
        self._database = database
        self._terms = terms

    async def lease(
        self, node: UUID, items: Sequence[tuple[UUID, int, UUID, Stamps]]
    ) -> tuple[list[asyncpg.Record], int, datetime] | None:
        """Grant what can be granted of (job, attempt, execution id, way so far): a row for each grant, the
        epoch, and a stamp of the database clock. None: the node is dead."""
        ordered = sorted(items, key=lambda item: item[0])
        ids = [item[0] for item in ordered]
        ways = [item[3] for item in ordered]

        async def unit(raw: Raw) -> list[asyncpg.Record]:
            await raw.execute(LOCK_BESIDE_PAUSES, ids)
            granted: list[asyncpg.Record] = await raw.fetch(
                LEASE,
                node,
                ids,
                [item[1] for item in ordered],
                [item[2] for item in ordered],
                self._terms.suspect_after,
                self._terms.default_timeout_seconds,
                self._terms.deadline_grace_seconds,
                [way.claimed_at for way in ways],
                [way.published_at for way in ways],
                [way.received_at for way in ways],
            )
            failpoints.hit("lease.in-transaction")
            return granted

        rows = await naming_busy(self._database, ids, lambda: self._database.transaction(unit))
        failpoints.hit("lease.committed")
        grants = [row for row in rows if row["now"] is None]
        stamps = [(row["epoch"], row["now"]) for row in rows if row["now"] is not None]
        return (grants, *stamps[0]) if stamps else None

    async def explain(self, ids: Sequence[UUID]) -> dict[UUID, asyncpg.Record]:
        """How those jobs stand, by id."""
        arguments = (list(ids), self._terms.default_timeout_seconds)
        rows = await self._database.run(lambda raw: raw.fetch(EXPLAIN, *arguments))
        return {row["id"]: row for row in rows}

    async def decline(self, items: Sequence[tuple[UUID, int, float, bool]]) -> set[UUID]:
        """Put (job, attempt, wait, keeps) back to due for `wait` seconds, or at the place that it had where it
        `keeps` it and others wait; those for which that held."""
        columns = _columns(sorted(items))
        ids = columns[0]

        async def unit(raw: Raw) -> list[asyncpg.Record]:
            await raw.execute(LOCK, ids)
            declined: list[asyncpg.Record] = await raw.fetch(DECLINE, *columns)
            return declined

        rows = await naming_busy(self._database, ids, lambda: self._database.transaction(unit))
        return {row["id"] for row in rows}

    async def take_back_paused_among(self, ids: Sequence[UUID]) -> int:
        """Take those back that are of a paused type and that nobody holds; how many."""
        return await self._database.transaction(lambda raw: take_back(raw, sorted(ids)))

    async def release(
        self, node: UUID, items: Sequence[AttemptRef], reason: str
    ) -> list[AttemptRef]:
        """Give back attempts that this node holds; those that it held."""
        ordered = sorted(items, key=lambda item: item.job_id)

        async def unit(raw: Raw) -> list[asyncpg.Record]:
            rows: list[asyncpg.Record] = await raw.fetch(
                RELEASE, node, [i.job_id for i in ordered], [i.attempt for i in ordered], reason
            )
            return rows

        rows = await self._database.run(unit)
        return [AttemptRef(job_id=row["id"], attempt=row["released"]) for row in rows]


def _columns(rows: Sequence[tuple[Any, ...]]) -> list[list[Any]]:
    return [list(column) for column in zip(*rows, strict=True)]
