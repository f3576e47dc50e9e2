"""Shipped job types are known before the first worker comes, so that a job may be created first."""

import json
from pathlib import Path

import asyncpg

from shared.contracts.nodes import DeclaredType, schema_text

SHIPPED = Path(__file__).parent / "shipped_types.json"
"""What a worker with the shipped handlers declares; `python -m tests.support.shipped_types --write`."""

# What a worker has declared stays.
SEED = """
INSERT INTO job_types (name, timeout_seconds, payload_schema, declared_at)
VALUES ($1, $2, $3::text::jsonb, clock_timestamp()) ON CONFLICT (name) DO NOTHING
"""


async def seed(connection: asyncpg.Connection) -> None:
    """Make the shipped types known where they are not."""
    for item in json.loads(SHIPPED.read_text()):
        shipped = DeclaredType.model_validate(item)
        schema = schema_text(shipped.payload_schema)
        await connection.execute(SEED, shipped.name, shipped.timeout_seconds, schema)
