"""Fills a database with many valid jobs: those that are there, which the product made, copied many times.

A copy is its original with ids of its own; ids are spread over the last days, and rows are written as
concurrent jobs write them: those of one version together, a thousand jobs at a time.
"""

from datetime import timedelta

import asyncpg

from job_service.domain.days import Day
from job_service.postgres.database import Database
from job_service.postgres.partitions import TABLES, Partitions

DAYS = 20
TOGETHER = 1_000
LIMIT_SECONDS = 300.0

COPIES = """
CREATE TEMPORARY TABLE copies AS SELECT source, n / {together} AS batch, (lpad(to_hex(floor(1000
* extract(epoch FROM now() - interval '{days} days' * (1 - n / $1::float8)))::bigint), 12, '0') || '7' ||
substr(digest, 1, 3) || '8' || substr(digest, 4, 15))::uuid AS id FROM (SELECT array_agg(id ORDER
BY id) AS ids FROM ({of}) AS every) AS all_ids CROSS
JOIN generate_series(1, $1) AS n CROSS JOIN LATERAL (SELECT ids[1 + n % cardinality(ids)] AS source) AS taken
CROSS JOIN LATERAL (SELECT md5(n || ' of ' || now()) AS digest) AS salted
"""
"""Salted by when it is done: two calls whose days overlap make no id twice."""
EVERY = "SELECT id FROM jobs UNION SELECT job_id FROM deleted_jobs"
KEYS = {
    "jobs": ("id", "id"),
    "job_history": ("job_id", "version"),
    "executions": ("job_id", "attempt"),
    "deleted_jobs": ("job_id", "job_id"),
    "due": ("job_id", "job_id"),
    "inflight": ("job_id", "job_id"),
    "unsuccessful": ("job_id", "job_id"),
}
"""For each table its column with the job's id, and in which order a batch is written."""

COLUMNS = """
SELECT array_agg(column_name::text ORDER BY ordinal_position) FROM information_schema.columns
WHERE table_schema = 'public' AND table_name = $1 AND column_name <> ALL ($2::text[])
"""
COUNTS = """
WITH gone AS (DELETE FROM job_count_deltas), none AS (DELETE FROM job_counts)
INSERT INTO job_count_deltas SELECT status, count(*) FROM jobs GROUP BY status
"""


async def make_days(database: Database) -> None:
    """Make the partitions of an empty database."""
    partitions = Partitions(database)
    today = await partitions.today()
    for table in TABLES:
        for back in range(DAYS + 1):
            await partitions.make(table, Day(today - timedelta(days=back)))


async def copy_jobs(
    connection: asyncpg.Connection,
    copies: int,
    *,
    of: str = EVERY,
    days: float = DAYS,
    more_follow: bool = False,
) -> None:
    """Add that many jobs to those that are there: copies of those that the query `of` answers, with ids of the
    last `days`. While `more_follow` the counts and the statistics are left as they were."""
    await connection.execute("SET synchronous_commit = off; SET work_mem = '64MB'")
    await connection.execute("DROP TABLE IF EXISTS copies")
    await connection.execute(
        COPIES.format(together=TOGETHER, days=days, of=of), copies, timeout=LIMIT_SECONDS
    )
    for table, (key, order) in KEYS.items():
        own = [key, "id", "xid"] if table in TABLES else [key]
        columns = ", ".join(await connection.fetchval(COLUMNS, table, own))
        fresh = ("id, ", "gen_random_uuid(), ") if table == "executions" else ("", "")
        await connection.execute(
            f"""INSERT INTO {table} ({key}, {fresh[0]}{columns})
                SELECT c.id, {fresh[1]}{columns} FROM copies AS c
                JOIN (SELECT {key} AS source_id, {columns} FROM {table}
                      WHERE {key} = ANY (ARRAY (SELECT DISTINCT source FROM copies))) AS t
                ON t.source_id = c.source
                ORDER BY c.batch, {"c.id" if order == key else f"t.{order}"}""",
            timeout=LIMIT_SECONDS,
        )
    if more_follow:
        return
    await connection.execute(COUNTS, timeout=LIMIT_SECONDS)
    await connection.execute("VACUUM ANALYZE", timeout=LIMIT_SECONDS)
