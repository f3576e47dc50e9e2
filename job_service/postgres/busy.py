"""Which jobs of a batch somebody keeps locked."""

from collections.abc import Awaitable, Callable, Sequence
from typing import TypeVar
from uuid import UUID

from job_service.operations.outcomes import Busy, Locked
from job_service.postgres.database import Database

T = TypeVar("T")

LOCKED_AMONG = """
SELECT id FROM jobs
WHERE id = ANY ($1::uuid[]) AND id <> ALL (ARRAY (
    SELECT id FROM jobs WHERE id = ANY ($1::uuid[]) ORDER BY id FOR UPDATE SKIP LOCKED))
"""


async def naming_busy(
    database: Database, ids: Sequence[UUID], work: Callable[[], Awaitable[T]]
) -> T:
    """Do `work`, a unit that locks these jobs.

    Raises:
        Busy: nothing was done; somebody keeps some of them locked.
        DatabaseError: as `work` does.
    """
    try:
        return await work()
    except Locked as error:
        rows = await database.run(lambda raw: raw.fetch(LOCKED_AMONG, list(ids)))
        raise Busy(str(error), frozenset(row["id"] for row in rows)) from error
