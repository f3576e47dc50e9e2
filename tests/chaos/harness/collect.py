"""What is read at the end, past every proxy: the tables by plain SQL, the topic, the group, the metrics."""

import json
from datetime import datetime
from pathlib import Path
from typing import Any
from uuid import UUID

import asyncpg
import httpx

from tests.chaos.harness.world import World
from tests.support import topics

STATEMENT_LIMIT_SECONDS = 120.0
HTTP_LIMIT_SECONDS = 10.0
TABLES = {
    "jobs": """SELECT id, name, status, due_at, scheduled_time, ready_at, attempt, failures, lost, version,
                      node, next_attempt_at, created_at, result, max_attempts, job_type,
                      ordering_key FROM jobs""",
    "job_history": """SELECT job_id, version, from_status, to_status, attempt, node, at, reason, actor,
                             result_hash FROM job_history""",
    "executions": """SELECT id, job_id, attempt, node, status, due_at, leased_at, started_at, ended_at,
                            notes FROM executions""",
    "due": "SELECT job_id FROM due",
    "in_line": "SELECT job_id FROM in_line",
    "ordering_keys": "SELECT ordering_key, job_id FROM ordering_keys",
    "job_types": "SELECT name, passes_key FROM job_types",
    "inflight": "SELECT job_id, attempt, scheduler, worker FROM inflight",
    "unsuccessful": "SELECT job_id, status FROM unsuccessful",
    "idempotency_keys": "SELECT key, job_id FROM idempotency_keys",
    "nodes": "SELECT id, role, state, address, registered_at, died_at, death FROM nodes",
    "parked_records": "SELECT topic_partition, record_offset, parked_at FROM parked_records",
    "counts": """SELECT status, sum(jobs)::bigint AS jobs
                 FROM (SELECT status, jobs FROM job_counts
                       UNION ALL SELECT status, delta FROM job_count_deltas) AS c GROUP BY status""",
    "sessions": """SELECT pid, state, extract(epoch FROM clock_timestamp() - xact_start)::float8 AS open_for
                   FROM pg_stat_activity
                   WHERE datname = current_database() AND pid <> pg_backend_pid()""",
}


async def collect(world: World) -> None:
    """Write `database.jsonl` and `after.jsonl` into the directory of records."""
    await _dump(world.postgres.url, world.records / "database.jsonl")
    committed = await topics.committed(world.kafka_settings)
    ends = await topics.ends(world.kafka_settings)
    with (world.records / "after.jsonl").open("w") as out:
        for number, end in ends.items():
            # A topic partition that nothing was written to has no committed offset.
            lag = end - committed.get(number, 0)
            told = {"topic_partition": number, "lag": lag, "committed": committed.get(number, 0)}
            _write(out, {"what": "lag", **told})
        for status, jobs in (await _metrics(world)).items():
            _write(out, {"what": "metric", "status": status, "jobs": jobs})


async def _dump(url: str, path: Path) -> None:
    raw = await asyncpg.connect(url, command_timeout=STATEMENT_LIMIT_SECONDS)
    try:
        # One picture: what a duty changes meanwhile must not look like a contradiction.
        async with raw.transaction(isolation="repeatable_read", readonly=True):
            with path.open("w") as out:
                for table, sql in TABLES.items():
                    for row in await raw.fetch(sql):
                        _write(out, {"what": table, **dict(row)})
    finally:
        await raw.close()


async def _metrics(world: World) -> dict[str, float]:
    """`punctual_jobs` by state, as job_service shows it."""
    url = world.stack.plan.url("job-1")
    async with httpx.AsyncClient(timeout=HTTP_LIMIT_SECONDS, trust_env=False) as http:
        text = (await http.get(f"{url}/metrics")).text
    lines = [line for line in text.splitlines() if line.startswith("punctual_jobs{")]
    return {line.split('"')[1]: float(line.rpartition(" ")[2]) for line in lines}


def _write(out: Any, row: dict[str, Any]) -> None:
    out.write(json.dumps(row, default=_plain, separators=(",", ":")) + "\n")


def _plain(value: Any) -> Any:
    if isinstance(value, datetime):
        return value.timestamp()
    return value.hex() if isinstance(value, bytes) else str(value) if isinstance(value, UUID) else 0
