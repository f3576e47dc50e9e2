"""Sessions: register, renew, compare, leave, and the cancels that wait for a worker."""

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

import asyncpg

from job_service.postgres import job_types
from job_service.postgres.database import Database, Raw
from job_service.postgres.lookup import lookup
from shared.contracts.nodes import AttemptRef, Position, RegisterNode, Renew

# A repeat counts the session anew, as the node does that asked again (R5). It revives no dead node.
REGISTER = """
INSERT INTO nodes (id, role, state, address, version, ttl_seconds, slots, hold_slots, types,
                   registered_at, last_seen_at, expires_at)
VALUES ($1, $2, 'live', $3, $4, $5, $6, $7, $8, clock_timestamp(), clock_timestamp(),
        clock_timestamp() + $5 * interval '1 second')
ON CONFLICT (id) DO UPDATE
SET expires_at = CASE nodes.state WHEN 'live' THEN clock_timestamp() + nodes.ttl_seconds * interval '1 second'
                 ELSE nodes.expires_at END
RETURNING state = 'live' AS live, clock_timestamp() AS now
"""

# Extends a live session. A node once dead stays dead: then nothing matches.
RENEW = """
UPDATE nodes
SET expires_at = clock_timestamp() + ttl_seconds * interval '1 second', last_seen_at = clock_timestamp(),
    slots = CASE role WHEN 'worker' THEN $2 ELSE slots END, running = $3, held = $4,
    topic_partitions = $5, hold_slots = coalesce($6, hold_slots)
WHERE id = $1 AND state = 'live'
RETURNING ttl_seconds
"""

NOTE_POSITIONS = """
INSERT INTO topic_positions (topic_partition, committed, end_offset, reported_at)
SELECT p.topic_partition, p.committed, p.end_offset, clock_timestamp()
FROM unnest($1::int[], $2::bigint[], $3::bigint[]) AS p (topic_partition, committed, end_offset)
ORDER BY p.topic_partition
ON CONFLICT (topic_partition) DO UPDATE
SET committed = excluded.committed, end_offset = excluded.end_offset, reported_at = excluded.reported_at
"""

# What a node holds (R2).
HOLDS = "SELECT job_id, attempt FROM inflight WHERE worker = $1"
NODE = (
    "SELECT state = 'live' AS live, ttl_seconds, clock_timestamp() AS now FROM nodes WHERE id = $1"
)

# Cancels that wait for a worker to hear of them; and a row without a job, if it was asked to drain.
CANCELS = f"""
SELECT j.id, j.attempt FROM inflight AS i JOIN jobs AS j ON {lookup("j.id", "i.job_id")}
WHERE i.worker = $1 AND j.cancel_requested
UNION ALL
SELECT NULL, NULL FROM nodes WHERE id = $1 AND drain_asked_at IS NOT NULL
"""

ASK_TO_DRAIN = """
UPDATE nodes SET drain_asked_at = coalesce(drain_asked_at, clock_timestamp())
WHERE id = $1 AND role = 'worker' AND state = 'live'
RETURNING *, expires_at < clock_timestamp() AS silent
"""
ROLE_AND_STATE = "SELECT role, state FROM nodes WHERE id = $1"

# A process ends in good order: dead at once, so that what it may still hold is reaped without waiting.
LEAVE = """
WITH locked AS MATERIALIZED (SELECT id FROM nodes WHERE id = $1 AND state = 'live' FOR UPDATE)
UPDATE nodes SET state = 'dead', died_at = clock_timestamp(), death = 'left'
WHERE id = (SELECT id FROM locked) RETURNING id
"""

LIST = """
SELECT n.*, n.expires_at < clock_timestamp() AS silent FROM nodes AS n
WHERE n.id < $1 AND (n.state = 'live' OR n.died_at > clock_timestamp() - interval '1 hour')
ORDER BY n.id DESC LIMIT $2
"""


class Nodes:
    """Implements the store of the session routes."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def register(self, node: RegisterNode, ttl_seconds: float) -> tuple[bool, datetime]:
        """Register; whether the node is live, and a stamp of the database clock."""

        async def unit(raw: Raw) -> tuple[bool, datetime]:
            if node.types:
                await job_types.declare(raw, node.types)
            row = await raw.fetchrow(
                REGISTER,
                node.node,
                node.role.value,
                node.address,
                node.version,
                ttl_seconds,
                node.slots,
                node.hold_slots,
                [t.name for t in node.types],
            )
            assert row is not None
            return row["live"], row["now"]

        return await self._database.transaction(unit)

    async def renew(self, node: UUID, renew: Renew) -> float | None:
        """Extend the session; its TTL in seconds, or None for a dead node."""
        partitions = [p.topic_partition for p in renew.positions]
        ttl: float | None = await self._database.run(
            lambda raw: raw.fetchval(
                RENEW, node, renew.slots, renew.running, renew.held, partitions, renew.hold_slots
            )
        )
        return ttl

    async def note_positions(self, positions: Sequence[Position]) -> None:
        """Keep what a worker said of its topic partitions."""
        await self._database.run(
            lambda raw: raw.execute(
                NOTE_POSITIONS,
                [p.topic_partition for p in positions],
                [p.committed for p in positions],
                [p.end for p in positions],
            )
        )

    async def look(self, node: UUID) -> tuple[bool, datetime]:
        """Whether a node is live, and a stamp of the database clock."""

        async def unit(raw: Raw) -> tuple[bool, datetime]:
            row = await raw.fetchrow(NODE, node)
            if row is None:
                return False, await raw.fetchval("SELECT clock_timestamp()")
            return row["live"], row["now"]

        return await self._database.run(unit)

    async def holdings(self, node: UUID) -> list[AttemptRef]:
        """Everything that the node holds."""
        rows = await self._database.run(lambda raw: raw.fetch(HOLDS, node))
        return [AttemptRef(job_id=row["job_id"], attempt=row["attempt"]) for row in rows]

    async def cancels(self, node: UUID) -> tuple[list[AttemptRef], bool]:
        """Attempts of the node whose cancel was asked, and whether it is to drain."""
        rows = await self._database.run(lambda raw: raw.fetch(CANCELS, node))
        asked = [
            AttemptRef(job_id=row["id"], attempt=row["attempt"])
            for row in rows
            if row["id"] is not None
        ]
        return asked, len(asked) < len(rows)

    async def ask_to_drain(self, node: UUID) -> asyncpg.Record | None:
        """Note that a live worker is to drain, once; the node, or None if it is none."""
        return await self._database.run(lambda raw: raw.fetchrow(ASK_TO_DRAIN, node))

    async def role_and_state(self, node: UUID) -> tuple[str, str] | None:
        """What it is and whether it lives; None for a node that is not known."""
        row = await self._database.run(lambda raw: raw.fetchrow(ROLE_AND_STATE, node))
        return None if row is None else (row["role"], row["state"])

    async def leave(self, node: UUID) -> bool:
        """Mark the node dead; whether it was live."""
        gone = await self._database.run(lambda raw: raw.fetchval(LEAVE, node))
        return gone is not None

    async def list(self, below: UUID, limit: int) -> list[asyncpg.Record]:
        """Up to `limit` live and recently dead nodes with ids smaller than `below`, newest first."""
        return await self._database.run(lambda raw: raw.fetch(LIST, below, limit))
