"""Records on the topic that are no dispatch: kept once each, capped, expired."""

from base64 import b64decode
from collections.abc import Sequence

import asyncpg

from job_service.domain.parked import RecordId
from job_service.postgres.database import Database
from shared.contracts.reports import ParkedRecord

PARK = """
WITH parked AS (
    INSERT INTO parked_records (topic, topic_partition, record_offset, sha256, size, reason, raw, parked_at)
    SELECT p.*, clock_timestamp()
    FROM unnest($1::text[], $2::int[], $3::bigint[], $4::bytea[], $5::bigint[], $6::text[], $7::bytea[])
         AS p (topic, topic_partition, record_offset, sha256, size, reason, raw)
    ORDER BY p.topic, p.topic_partition, p.record_offset, p.sha256
    ON CONFLICT DO NOTHING RETURNING 1
)
SELECT count(*) FROM parked
"""

# By topic, topic partition and offset, from one of them on; the raw bytes are read one by one.
LIST = """
SELECT topic, topic_partition, record_offset, sha256, size, reason, parked_at FROM parked_records
WHERE (topic, topic_partition, record_offset, sha256) > ($1, $2, $3, $4)
  AND ($5::text IS NULL OR topic = $5) AND ($6::int IS NULL OR topic_partition = $6)
ORDER BY topic, topic_partition, record_offset, sha256 LIMIT $7
"""
_PLACE = "topic = $1 AND topic_partition = $2 AND record_offset = $3 AND sha256 = $4"
READ = f"SELECT * FROM parked_records WHERE {_PLACE}"
DROP = f"DELETE FROM parked_records WHERE {_PLACE} RETURNING size"

# Old ones first by age, then whatever is above the cap.
EXPIRE = """
DELETE FROM parked_records WHERE ctid = ANY (ARRAY (
    SELECT ctid FROM parked_records
    WHERE parked_at < statement_timestamp() - $1 * interval '1 second' ORDER BY parked_at LIMIT $2))
"""
OVER_CAP = """
DELETE FROM parked_records WHERE ctid = ANY (ARRAY (
    SELECT ctid FROM parked_records ORDER BY parked_at DESC OFFSET $1 LIMIT $2))
"""


class Parked:
    """Implements the store of the routes on parked records, and of retention."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def park(self, records: Sequence[ParkedRecord]) -> int:
        """Keep records; how many were new."""
        new: int = await self._database.run(
            lambda raw: raw.fetchval(
                PARK,
                [r.topic for r in records],
                [r.topic_partition for r in records],
                [r.record_offset for r in records],
                [bytes.fromhex(r.sha256) for r in records],
                [r.size for r in records],
                [r.reason for r in records],
                [b64decode(r.raw) for r in records],
            )
        )
        return new

    async def list(
        self, after: RecordId, *, topic: str | None, topic_partition: int | None, limit: int
    ) -> list[asyncpg.Record]:
        """Up to `limit` records that follow `after`, without their bytes; of one topic or topic partition."""
        return await self._database.run(
            lambda raw: raw.fetch(LIST, *after, topic, topic_partition, limit)
        )

    async def read(self, record: RecordId) -> asyncpg.Record | None:
        """One record with its bytes."""
        return await self._database.run(lambda raw: raw.fetchrow(READ, *record))

    async def drop(self, record: RecordId) -> bool:
        """Forget a record; whether it was there."""
        return await self._database.run(lambda raw: raw.fetchval(DROP, *record)) is not None

    async def expire(self, older_than_seconds: float, keep_rows: int, limit: int) -> int:
        """Drop up to `limit` records that are too old or above the cap; how many."""
        old = await self._database.run(lambda raw: raw.execute(EXPIRE, older_than_seconds, limit))
        over = await self._database.run(lambda raw: raw.execute(OVER_CAP, keep_rows, limit))
        return int(old.split()[-1]) + int(over.split()[-1])
