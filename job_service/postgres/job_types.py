"""Job types: declared by workers and kept after them, paused and resumed by clients.

A pause holds an advisory lock that every claim and every lease shares until its transaction ends. So when it
has committed none is under way that has not seen it. An advisory lock, because those who share it queue behind
the pause: a row that is locked FOR KEY SHARE by one lease after the other would keep a pause waiting for ever.
"""

from collections.abc import Sequence

import asyncpg

from job_service.postgres.database import Database, Raw
from job_service.postgres.transition import ARM, HISTORY, LOCK, NO_OUTCOME, NOT_IN_FLIGHT
from shared.contracts.nodes import DeclaredType, schema_text

# The last declaration counts. A pause is not lifted by it.
DECLARE_TYPES = """
INSERT INTO job_types (name, timeout_seconds, payload_schema, max_running, passes_key, declared_at)
SELECT name, timeout_seconds, payload_schema::jsonb, max_running, passes_key, clock_timestamp()
FROM unnest($1::text[], $2::float8[], $3::text[], $4::int[], $5::bool[])
     AS t (name, timeout_seconds, payload_schema, max_running, passes_key) ORDER BY name
ON CONFLICT (name) DO UPDATE
SET timeout_seconds = excluded.timeout_seconds, payload_schema = excluded.payload_schema,
    max_running = excluded.max_running, passes_key = excluded.passes_key,
    declared_at = excluded.declared_at
"""

REVISIONS = "SELECT name, coalesce(md5(payload_schema::text), '') AS revision FROM job_types"
SCHEMAS = """
SELECT name, coalesce(md5(payload_schema::text), '') AS revision, payload_schema::text AS schema
FROM job_types WHERE name = ANY ($1::text[])
"""

_LIVE_WORKERS = """
(SELECT count(*) FROM nodes AS n WHERE n.role = 'worker' AND n.state = 'live'
   AND n.expires_at > clock_timestamp() AND t.name = ANY (n.types)) AS live_workers
"""
LIST = f"""
SELECT t.*, {_LIVE_WORKERS} FROM job_types AS t
WHERE t.name COLLATE "C" > $1 ORDER BY t.name COLLATE "C" LIMIT $2
"""
ONE = f"SELECT t.*, {_LIVE_WORKERS} FROM job_types AS t WHERE t.name = $1"

# Waits until every claim and lease that may not have seen the pause is over; those that come wait for its
# commit. The key is that of paused_types() in the migration.
PAUSING = "SELECT pg_advisory_xact_lock(1885435251)"
PAUSE = """
UPDATE job_types SET paused_at = clock_timestamp() WHERE name = $1 AND paused_at IS NULL
"""
RESUME = "UPDATE job_types SET paused_at = NULL WHERE name = $1 AND paused_at IS NOT NULL"

# What was claimed and not leased when its type was paused. Looks through all that is in flight, as a claim does
# for its credits, but only while something is paused.
CLAIMED_OF_PAUSED = """
SELECT i.job_id FROM inflight AS i
WHERE i.worker IS NULL AND i.job_type = ANY (ARRAY (SELECT name FROM job_types WHERE paused_at IS NOT NULL))
  AND EXISTS (SELECT FROM job_types WHERE paused_at IS NOT NULL)
LIMIT $1
"""

# Back to CREATED and due as before; the record that is on its way is void, as the next claim raises the
# attempt. Nothing moves that somebody holds, or whose type was resumed meanwhile.
TAKE_BACK = f"""
WITH moved AS (
    UPDATE jobs AS j
    SET prev_status = j.status, status = 'CREATED', version = j.version + 1, updated_at = clock_timestamp()
    WHERE j.id = ANY ($1::uuid[]) AND j.status = 'SCHEDULED' AND j.node IS NULL
      AND EXISTS (SELECT FROM job_types AS t WHERE t.name = j.job_type AND t.paused_at IS NOT NULL)
    RETURNING j.id, j.version, j.prev_status, j.status, j.attempt, NULL::uuid AS by_node,
              'type-paused' AS reason, 'duty' AS actor, {NO_OUTCOME}, j.job_type, j.band, j.dispatch_at,
              true AS arms
),
{HISTORY}, {NOT_IN_FLIGHT}, {ARM}
SELECT id FROM moved
"""


async def declare(raw: Raw, types: Sequence[DeclaredType]) -> None:
    """Keep what a worker declares; part of its registration."""
    await raw.execute(
        DECLARE_TYPES,
        [t.name for t in types],
        [t.timeout_seconds for t in types],
        [schema_text(t.payload_schema) for t in types],
        [t.max_running for t in types],
        [t.passes_key for t in types],
    )


async def take_back(raw: Raw, ids: Sequence[object]) -> int:
    """Take jobs of paused types back that nobody holds; how many. Needs a transaction."""
    await raw.execute(LOCK, ids)
    return len(await raw.fetch(TAKE_BACK, ids))


class JobTypes:
    """Implements the stores of `check_payload` and `pause_types`, and reads for the public routes."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def revisions(self) -> dict[str, str]:
        """Every type with a text that changes with its schema."""
        rows = await self._database.run(lambda raw: raw.fetch(REVISIONS))
        return {row["name"]: row["revision"] for row in rows}

    async def schemas(self, names: Sequence[str]) -> dict[str, tuple[str, str | None]]:
        """Revision and JSON Schema (as text) of types; no schema where the worker sent none."""
        rows = await self._database.run(lambda raw: raw.fetch(SCHEMAS, list(names)))
        return {row["name"]: (row["revision"], row["schema"]) for row in rows}

    async def list(self, after: str, limit: int) -> list[asyncpg.Record]:
        """Up to `limit` types whose names come after that one, by name."""
        return await self._database.run(lambda raw: raw.fetch(LIST, after, limit))

    async def one(self, name: str) -> asyncpg.Record | None:
        """One type."""
        return await self._database.run(lambda raw: raw.fetchrow(ONE, name))

    async def pause(self, name: str) -> None:
        """Pause a type. From here on nothing of it is claimed or leased."""

        async def unit(raw: Raw) -> None:
            await raw.execute(PAUSING)
            await raw.execute(PAUSE, name)

        await self._database.transaction(unit)

    async def resume(self, name: str) -> None:
        """Lift the pause of a type."""
        await self._database.run(lambda raw: raw.execute(RESUME, name))

    async def take_back_paused(self, limit: int) -> tuple[int, int]:
        """Look at up to `limit` claimed jobs of paused types; how many there were, how many were taken back."""

        async def unit(raw: Raw) -> tuple[int, int]:
            ids = [row["job_id"] for row in await raw.fetch(CLAIMED_OF_PAUSED, limit)]
            return len(ids), await take_back(raw, ids) if ids else 0

        return await self._database.transaction(unit)
