"""Claim: due -> inflight, by bands, as many as there are credits for."""

from collections.abc import Sequence
from uuid import UUID

import asyncpg

from job_service.domain.credits import Capacity, Credits, LiveWorker, Load
from job_service.domain.outside import OUTSIDE
from job_service.domain.priority import BANDS
from job_service.postgres.database import Database
from job_service.postgres.lookup import lookup
from job_service.postgres.transition import HISTORY
from shared.contracts.claims import Claimed, Published
from shared.runtime import failpoints

# One look at everything that credits depend on: is the asking node live, the live workers, and what is in
# flight by job type (as many rows as the workers' slots and hold allowance allow).
CAPACITY = """
SELECT coalesce((SELECT state = 'live' FROM nodes WHERE id = $1), false) AS live, clock_timestamp() AS now,
       (SELECT json_agg(json_build_array(slots, hold_slots, types)) FROM nodes
        WHERE role = 'worker' AND state = 'live' AND expires_at > clock_timestamp()) AS workers,
       (SELECT json_agg(json_build_array(job_type, due, ahead))
        FROM (SELECT job_type, count(*) FILTER (WHERE ready_at <= now()) AS due,
                     count(*) FILTER (WHERE ready_at > now()) AS ahead
              FROM inflight WHERE worker IS DISTINCT FROM $2::uuid GROUP BY job_type) AS by_type) AS load,
       ARRAY (SELECT name FROM job_types WHERE paused_at IS NOT NULL) AS paused,
       (SELECT json_agg(json_build_array(name, max_running)) FROM job_types
        WHERE max_running IS NOT NULL) AS limits
"""

# Claims what the shelves (type, band, until, limit) hold. SKIP LOCKED on due and on jobs, the guards under
# the lock (R11); a due row must equal its job's dispatch_at and band (R9); CREATED and FAILED jobs enter
# SCHEDULED with a new attempt, one that is SCHEDULED already was armed again and keeps its attempt (R7). The
# request's seq must be the newest of its node, or nothing is claimed (R8); it is written when the request
# comes ($13) and then only when there is something to claim. Nothing is claimed for a dead
# node: its row is locked, live, until the end (R4). Nor for a type that was paused since the credits were
# looked at: a pause that has committed is seen here, and a later one waits for the end of this. What is taken
# leaves the shelf by its job's id: a row that was written anew while this waited is not found by its place. A
# row that was left in flight, whatever left it there, is taken over: it must not stop every claim after it.
# The longest waiting ($15 of them, if they wait for $16 s) go first whatever their band, so that none starves
# (ADR 0012). Of limited types ($14) no more is taken than there is room for by a count under a lock that such
# claims hold one after the other (R23). Of a key only the head is on the shelf (R19). The jobs are looked up
# one by one under a LIMIT: joined, all of jobs was walked through in the order of their ids, while statistics
# said that it is small, or wherever the planner guessed many rows to be picked (a limited type was a thousand).
CLAIM = f"""
WITH live AS MATERIALIZED (
    SELECT id FROM nodes WHERE id = $1 AND role = 'scheduler' AND state = 'live' FOR KEY SHARE
),
newest AS MATERIALIZED (
    INSERT INTO scheduler_claims AS c (node, seq) SELECT id, $2::bigint FROM live
    WHERE $13 OR EXISTS (
        SELECT FROM (SELECT * FROM unnest($3::text[], $4::smallint[])
                     UNION ALL SELECT * FROM unnest($7::text[], $8::smallint[])) AS s (job_type, band)
        CROSS JOIN LATERAL (
            SELECT 1 FROM due WHERE due.job_type = s.job_type AND due.band = s.band
              AND due.dispatch_at <= now() + $11 * interval '1 second' LIMIT 1) AS any_due)
    ON CONFLICT (node) DO UPDATE SET seq = excluded.seq WHERE c.seq <= excluded.seq
    RETURNING node
),
closed AS MATERIALIZED (SELECT paused_types() AS names),
shelf AS MATERIALIZED (
    SELECT s.* FROM unnest($3::text[], $4::smallint[], $5::int[])
         WITH ORDINALITY AS s (job_type, band, most, place)
    WHERE EXISTS (SELECT FROM newest) AND s.job_type <> ALL ((SELECT names FROM closed)::text[])
    ORDER BY place
),
longest AS MATERIALIZED (
    SELECT due.job_id, due.job_type, due.band, due.dispatch_at FROM due
    WHERE due.job_id = ANY (ARRAY (
        SELECT d.job_id FROM shelf CROSS JOIN LATERAL (
            SELECT due.job_id, due.dispatch_at FROM due
            WHERE due.job_type = shelf.job_type AND due.band = shelf.band
              AND due.dispatch_at <= now() - $16 * interval '1 second'
            ORDER BY due.dispatch_at LIMIT least($15, shelf.most)
        ) AS d ORDER BY d.dispatch_at LIMIT $15))
    FOR UPDATE SKIP LOCKED
),
due_now AS MATERIALIZED (
    SELECT d.* FROM shelf CROSS JOIN LATERAL (
        SELECT due.job_id, due.job_type, due.band, due.dispatch_at FROM due
        WHERE due.job_type = shelf.job_type AND due.band = shelf.band AND due.dispatch_at <= now()
          AND due.job_id <> ALL (ARRAY (SELECT job_id FROM longest))
        ORDER BY due.dispatch_at LIMIT shelf.most FOR UPDATE SKIP LOCKED
    ) AS d LIMIT $6 - (SELECT count(*) FROM longest)
),
ahead_shelf AS MATERIALIZED (
    SELECT s.* FROM unnest($7::text[], $8::smallint[], $9::int[])
         WITH ORDINALITY AS s (job_type, band, most, place)
    WHERE EXISTS (SELECT FROM newest) AND s.job_type <> ALL ((SELECT names FROM closed)::text[])
    ORDER BY place
),
due_soon AS MATERIALIZED (
    SELECT d.* FROM ahead_shelf AS shelf CROSS JOIN LATERAL (
        SELECT due.job_id, due.job_type, due.band, due.dispatch_at FROM due
        WHERE due.job_type = shelf.job_type AND due.band = shelf.band
          AND due.dispatch_at > now() AND due.dispatch_at <= now() + $11 * interval '1 second'
        ORDER BY due.dispatch_at LIMIT shelf.most FOR UPDATE SKIP LOCKED
    ) AS d LIMIT $10
),
found AS MATERIALIZED (
    SELECT 0 AS turn, * FROM longest UNION ALL SELECT 1, * FROM due_now UNION ALL SELECT 2, * FROM due_soon
),
rooms AS MATERIALIZED (
    SELECT r.* FROM (SELECT WHERE cardinality($14::text[]) > 0) AS asked
    CROSS JOIN LATERAL rooms_of_types($14, $17) AS r
),
picked AS MATERIALIZED (
    SELECT job_id, band, dispatch_at FROM found WHERE job_type <> ALL ($14)
    UNION ALL
    SELECT f.job_id, f.band, f.dispatch_at FROM rooms AS r
    CROSS JOIN LATERAL (
        SELECT * FROM found WHERE found.job_type = r.of_type
        ORDER BY turn, band, dispatch_at LIMIT greatest(0, r.room)
    ) AS f
),
locked AS MATERIALIZED (
    SELECT j.* FROM (SELECT * FROM picked ORDER BY job_id OFFSET 0) AS p CROSS JOIN LATERAL (
        SELECT j.id, j.status, j.version, j.attempt, j.job_type, j.ready_at, j.ordering_key, j.traceparent
        FROM jobs AS j
        WHERE j.id = p.job_id AND j.dispatch_at = p.dispatch_at AND j.band = p.band AND j.node IS NULL
          AND j.status IN ('CREATED', 'FAILED', 'SCHEDULED')
        LIMIT 1 FOR UPDATE SKIP LOCKED
    ) AS j
),
moved AS (
    UPDATE jobs AS j
    SET prev_status = j.status, status = 'SCHEDULED', version = j.version + 1, attempt = j.attempt + 1,
        next_attempt_at = NULL, updated_at = clock_timestamp()
    WHERE j.id = ANY (ARRAY (SELECT id FROM locked)) AND j.status IN ('CREATED', 'FAILED')
    RETURNING j.id, j.version, j.prev_status, j.status, j.attempt, $1::uuid AS by_node,
              'claimed' AS reason, 'scheduler' AS actor, NULL::bytea AS result_hash,
              NULL::uuid AS operation, j.job_type, j.ready_at, j.ordering_key, j.traceparent
),
{HISTORY},
taken AS (
    SELECT id, version, attempt, job_type, ready_at, ordering_key, traceparent FROM moved
    UNION ALL
    SELECT id, version, attempt, job_type, ready_at, ordering_key, traceparent
    FROM locked WHERE status = 'SCHEDULED'
),
off_the_shelf AS (
    DELETE FROM due WHERE job_id = ANY (ARRAY (SELECT id FROM taken))
),
in_flight AS (
    INSERT INTO inflight (job_id, attempt, job_type, ready_at, scheduler, claim_seq, since, look_at)
    SELECT id, attempt, job_type, ready_at, $1, $2, clock_timestamp(),
           greatest(ready_at, clock_timestamp()) + $12 * interval '1 second'
    FROM taken
    ON CONFLICT (job_id) DO UPDATE
    SET attempt = excluded.attempt, ready_at = excluded.ready_at, scheduler = excluded.scheduler,
        claim_seq = excluded.claim_seq, worker = NULL, token_hash = NULL, suspect = false,
        topic_partition = NULL, record_offset = NULL, since = excluded.since, look_at = excluded.look_at
)
SELECT * FROM taken
"""

# What was claimed under a later request than the last acknowledged, and is not leased: sent again (R8).
UNACKED = f"""
SELECT j.id, j.version, i.attempt, i.job_type, i.ready_at, j.ordering_key, j.traceparent
FROM inflight AS i JOIN jobs AS j ON {lookup("j.id", "i.job_id")}
WHERE i.scheduler = $1 AND i.claim_seq > $2 AND i.claim_seq < $3
ORDER BY i.claim_seq
"""

# Notes where the record of an attempt is, for those that nobody has leased since (R21).
NOTE_PUBLISHED = f"""
UPDATE inflight AS i SET topic_partition = p.topic_partition, record_offset = p.record_offset
FROM unnest($2::uuid[], $3::int[], $4::int[], $5::bigint[])
     AS p (job_id, attempt, topic_partition, record_offset)
WHERE {lookup("i.job_id", "p.job_id")} AND i.attempt = p.attempt
  AND i.scheduler IS NOT DISTINCT FROM $1
"""


def _claimed(row: asyncpg.Record) -> Claimed:
    return Claimed(
        job_id=row["id"],
        attempt=row["attempt"],
        version=row["version"],
        job_type=row["job_type"],
        due_at=row["ready_at"],
        ordering_key=row["ordering_key"],
        traceparent=row["traceparent"],
    )


def _shelves(limits: dict[str, int]) -> tuple[list[str], list[int], list[int]]:
    """One shelf for each band and type, best band first; types with no credit have none."""
    rows = [(t, band, n) for band in BANDS for t, n in limits.items() if n > 0]
    return [r[0] for r in rows], [r[1] for r in rows], [r[2] for r in rows]


class Claims:
    """Implements the store of `claim_due`."""

    def __init__(
        self,
        database: Database,
        *,
        lookahead_seconds: float,
        aged_after_seconds: float,
        look_after_seconds: float,
    ) -> None:
        self._database = database
        self._aged_after = aged_after_seconds
        self._lookahead = lookahead_seconds
        self._look_after = look_after_seconds

    async def capacity(self, node: UUID) -> Capacity:
        """What credits depend on, and whether the asking node is live."""
        row = await self._database.run(lambda raw: raw.fetchrow(CAPACITY, node, OUTSIDE))
        assert row is not None
        return Capacity(
            live=row["live"],
            now=row["now"],
            workers=[LiveWorker(w[0], w[1], tuple(w[2])) for w in row["workers"] or []],
            load={entry[0]: Load(entry[1], entry[2]) for entry in row["load"] or []},
            paused=frozenset(row["paused"]),
            limits=dict(row["limits"] or []),
        )

    async def claim(self, node: UUID, seq: int, credit: Credits, *, first: bool) -> list[Claimed]:
        """Claim what the credits allow; nothing for a dead node or an overtaken request. `first`: the request
        has just come, and overtakes those before it from now on."""
        arguments = (
            node,
            seq,
            *_shelves(dict(credit.due_by_type)),
            credit.due,
            *_shelves(dict(credit.ahead_by_type)),
            credit.ahead,
            self._lookahead,
            self._look_after,
            first,
            sorted(credit.limited),
            credit.aged,
            self._aged_after,
            OUTSIDE,
        )
        failpoints.hit("claim.asked")
        rows = await self._database.run(lambda raw: raw.fetch(CLAIM, *arguments))
        if rows:
            failpoints.hit("claim.committed")
        return [_claimed(row) for row in rows]

    async def unacknowledged(self, node: UUID, acked: int, seq: int) -> list[Claimed]:
        """What requests between `acked` and `seq` claimed and nobody has leased. All of it, or the reply
        would acknowledge the rest unseen; credits bound it."""
        rows = await self._database.run(lambda raw: raw.fetch(UNACKED, node, acked, seq))
        return [_claimed(row) for row in rows]

    async def note_published(self, node: UUID, published: Sequence[Published]) -> None:
        """Keep where records landed."""
        ordered = sorted(published, key=lambda p: p.job_id)
        await self._database.run(
            lambda raw: raw.execute(
                NOTE_PUBLISHED,
                node,
                [p.job_id for p in ordered],
                [p.attempt for p in ordered],
                [p.topic_partition for p in ordered],
                [p.record_offset for p in ordered],
            )
        )
