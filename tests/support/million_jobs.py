"""Fills a database with many jobs, set by set: what plans are judged against.

Rows are as small as real ones are. Ids, and with them history, are spread over the days before now. A tenth
as many settled jobs as pending ones is a busy day's picture with a long tail of schedules.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta

import asyncpg

from job_service.domain.days import Day
from job_service.postgres.database import Database
from job_service.postgres.partitions import TABLES, Partitions
from tests.support.databases import fresh_database, run_coroutine
from tests.support.job_service import open_service

DAYS = 30
"""Partitions of history and executions; retention keeps that many by default."""

RUN_TYPES = ("DUMMY", "HTTP_CALL")
UNRUN_TYPE = "NOBODY"
"""A type that no worker runs. Its jobs are first in every order: the oldest, in the best band (R23)."""

# Statistics of a young system. `jobs` held a few rows; the narrow tables were empty when they were last looked
# at, and had been used: such a table the planner takes for empty ever after, however it grows.
_YOUNG = """
INSERT INTO jobs (id, name, job_type, status, max_attempts, priority, band, scheduled_time, due_at, ready_at,
                  dispatch_at, created_at, updated_at)
SELECT gen_random_uuid(), 'job', 'DUMMY', 'CANCELLED', 1, 0, 2, now(), now(), now(), now(), now(), now()
FROM generate_series(1, 50);
INSERT INTO due SELECT id, job_type, band, dispatch_at FROM jobs;
INSERT INTO inflight (job_id, attempt, job_type, ready_at, scheduler, since, look_at)
SELECT id, 1, job_type, ready_at, id, now(), now() FROM jobs;
INSERT INTO expiring SELECT id, now() FROM jobs;
INSERT INTO unsuccessful SELECT id, status FROM jobs;
INSERT INTO job_count_deltas VALUES ('CREATED', 1);
DELETE FROM job_count_deltas; DELETE FROM unsuccessful; DELETE FROM expiring; DELETE FROM inflight;
DELETE FROM due;
ANALYZE;
DELETE FROM jobs;
"""

# $1 jobs, of which each $2th is settled. Of the pending ones a fifth are due by now, a fifth within ten
# minutes, the others within thirty days.
_JOBS = """
INSERT INTO jobs (id, name, job_type, payload, status, prev_status, version, attempt, max_attempts, priority,
                  band, scheduled_time, due_at, ready_at, dispatch_at, expires_at, created_at, updated_at,
                  started_at, finished_at)
SELECT (lpad(to_hex(floor(extract(epoch FROM made) * 1000)::bigint), 12, '0')
            || '7' || substr(noise, 1, 3) || '8' || substr(noise, 4, 15))::uuid,
       'job ' || i, job_type, '{"sleepMs": 20}', status,
       CASE WHEN status <> 'CREATED' THEN 'RUNNING' END, CASE status WHEN 'CREATED' THEN 0 ELSE 3 END,
       CASE status WHEN 'CREATED' THEN 0 ELSE 1 END, 3, 80 - 40 * band, band, due, due, due, due,
       CASE WHEN i % 40 = 3 THEN due + interval '30 days' END, made,
       CASE status WHEN 'CREATED' THEN made ELSE due END,
       CASE WHEN status <> 'CREATED' THEN due END, CASE WHEN status <> 'CREATED' THEN due END
FROM (
    SELECT i, md5(i::text) AS noise, now() - interval '29 days' * (1 - i / $1::float8) AS made,
           CASE WHEN i % 20 = 0 THEN 'NOBODY' WHEN i % 20 IN (1, 10) THEN 'HTTP_CALL' ELSE 'DUMMY' END
               AS job_type,
           CASE WHEN i % 20 = 0 THEN 0 ELSE (i / 20) % 5 END AS band,
           CASE WHEN i % $2::int <> 0 THEN 'CREATED' WHEN i % 100 < 4 THEN 'FAILED'
                WHEN i % 100 < 6 THEN 'CANCELLED' ELSE 'SUCCESS' END AS status,
           now() + CASE WHEN i % 20 = 0 THEN interval '-2 hours' WHEN i % 5 = 0 THEN interval '-1 hour'
                        WHEN i % 5 = 1 THEN interval '10 minutes' ELSE interval '30 days' END
                   * (i / $1::float8) AS due
    FROM generate_series(1, $1::int) AS i OFFSET 0  -- each expression once a row
) AS n
"""
_REST = (
    """INSERT INTO due (job_id, job_type, band, dispatch_at)
       SELECT id, job_type, band, dispatch_at FROM jobs WHERE status = 'CREATED'""",
    """INSERT INTO expiring (job_id, expires_at)
       SELECT id, expires_at FROM jobs WHERE status = 'CREATED' AND expires_at IS NOT NULL""",
    """INSERT INTO unsuccessful (status, job_id)
       SELECT status, id FROM jobs WHERE status IN ('FAILED', 'CANCELLED')""",
    """INSERT INTO job_history (job_id, version, from_status, to_status, attempt, at, reason, actor)
       SELECT id, 0, NULL, 'CREATED', 0, created_at, 'created', 'client' FROM jobs""",
    """INSERT INTO job_history (job_id, version, from_status, to_status, attempt, at, reason, actor)
       SELECT id, v.version, v.before, coalesce(v.after, status), 1, updated_at, v.reason, 'worker'
       FROM jobs CROSS JOIN (VALUES (1, 'CREATED', 'SCHEDULED', 'claimed'),
                                    (2, 'SCHEDULED', 'RUNNING', 'started'),
                                    (3, 'RUNNING', NULL, 'succeeded')) AS v (version, before, after, reason)
       WHERE status <> 'CREATED'""",
    """INSERT INTO executions (job_id, attempt, id, node, status, due_at, leased_at, started_at, ended_at)
       SELECT id, 1, gen_random_uuid(), gen_random_uuid(), status, due_at, due_at, started_at, finished_at
       FROM jobs WHERE status <> 'CREATED'""",
    """INSERT INTO idempotency_keys (key, body_hash, job_id, created_at)
       SELECT id::text, '', id, now() FROM jobs LIMIT 20000""",
    "INSERT INTO job_counts SELECT status, count(*) FROM jobs GROUP BY status",
)


@contextmanager
def crowded_database(admin_url: str, template: str, *, pending: int, settled: int) -> Iterator[str]:
    """A database of its own, full of jobs, with the statistics of a young system. A million take some 20 s."""
    with fresh_database(admin_url, template=template) as url:
        run_coroutine(_load_into(url, pending, settled))
        yield url


async def _load_into(url: str, pending: int, settled: int) -> None:
    async with open_service(url) as service:
        raw = await asyncpg.connect(url)
        try:
            await load(raw, service.stores.database, pending=pending, settled=settled)
        finally:
            await raw.close()


async def load(
    connection: asyncpg.Connection, database: Database, *, pending: int, settled: int
) -> None:
    """Fill an empty, migrated database. Statistics are left as of when it was empty, and no autovacuum
    mends them; `ANALYZE` does."""
    partitions = Partitions(database)
    today = await partitions.today()
    for table in TABLES:
        for back in range(DAYS):
            await partitions.make(table, Day(today - timedelta(days=back)))
    for row in await connection.fetch(
        "SELECT relname FROM pg_class WHERE relkind = 'r' AND relnamespace = 'public'::regnamespace"
    ):
        await connection.execute(f"ALTER TABLE {row['relname']} SET (autovacuum_enabled = false)")
    await connection.execute(_YOUNG)
    await connection.execute("SET synchronous_commit = off; SET work_mem = '64MB'")
    await connection.execute(_JOBS, pending + settled, (pending + settled) // settled)
    for statement in _REST:
        await connection.execute(statement)
