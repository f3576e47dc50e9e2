"""Apply an effect once: its rows and its entry in the ledger are one transaction.

The fence comes first: the job's nameless row is locked and says which attempt wrote last. So an attempt that
lost its lease and does not know it writes nothing once a newer one was here, and one that meets another waits
for its end. The ledger is read by a statement of its own after that, for only such a one sees what the other
has committed meanwhile.
"""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from worker_service.effects.connections import AnyConnection, LedgerConnection, adapted

MAX_NAME_CHARS = 200
MAX_RESULT_BYTES = 65_536
WAIT_SECONDS = 30.0
"""For the transaction of another attempt, or of another `once` of this one, on another connection."""

FENCE = """
INSERT INTO punctual_effects AS e (job_id, name, epoch, attempt) VALUES ($1, '', $2, $3)
ON CONFLICT (job_id, name) DO UPDATE SET epoch = excluded.epoch, attempt = excluded.attempt
WHERE (e.epoch, e.attempt) <= (excluded.epoch, excluded.attempt)
RETURNING attempt
"""
KNOWN = "SELECT result::text AS result FROM punctual_effects WHERE job_id = $1 AND name = $2"
APPLIED = """
INSERT INTO punctual_effects (job_id, name, epoch, attempt, result)
VALUES ($1, $2, $3, $4, $5::text::json)
RETURNING attempt
"""


class StaleToken(Exception):
    """A newer attempt of this job has written here: this one lost its lease, and nothing of it is kept."""


class LedgerBusy(Exception):
    """Another transaction that has written for this job did not end in time. Nothing was applied; the next
    attempt tries again.
    """


@dataclass(frozen=True)
class Token:
    """The fencing token (R22): tokens of one job are ordered by epoch, then by attempt."""

    job_id: UUID
    epoch: int
    attempt: int


class Effect:
    """What `once` gives. `fresh`: nobody has applied it, so do it now."""

    def __init__(self, *, fresh: bool, kept: str | None = None) -> None:
        self.fresh = fresh
        self._kept = kept
        self._over = False

    @property
    def result(self) -> Any:
        """What was kept with it, by this attempt or the one that applied it, as JSON gives it back (a tuple
        is a list, a key is text). None if nothing was.
        """
        return None if self._kept is None else json.loads(self._kept)

    def keep(self, result: Any) -> None:
        """Keep a result (any JSON value, at most 64 KiB) for this attempt and those after it. The last one
        counts.

        Raises:
            ValueError: it is too large or no JSON number, the effect was applied by an earlier attempt, or
            its block is over.
            TypeError: it is no JSON.
        """
        if not self.fresh:
            raise ValueError("the effect was applied before; its result stays as it is")
        if self._over:
            raise ValueError("the effect is applied; keep its result inside the block of `once`")
        try:
            text = json.dumps(result, allow_nan=False)
        except RecursionError as error:
            raise ValueError("the result is nested too deep") from error
        if len(text) > MAX_RESULT_BYTES:
            raise ValueError(
                f"the result has {len(text)} bytes as JSON, at most {MAX_RESULT_BYTES} are kept"
            )
        self._kept = text

    def finish(self) -> str | None:
        """Its block is over; what it keeps, as JSON."""
        self._over = True
        return self._kept


@asynccontextmanager
async def once(
    connection: AnyConnection, token: Token, name: str, *, wait_seconds: float = WAIT_SECONDS
) -> AsyncIterator[Effect]:
    """A transaction in which the effect `name` (1 to 200 characters) of this job is applied, if it is `fresh`.

    It commits at the end of the block. Inside a transaction that the caller began it is a part of that one,
    and counts when that one commits. An exception out of the block takes everything back.

    Raises:
        StaleToken: a newer attempt has written here.
        LedgerBusy: another transaction has written for this job and did not end within `wait_seconds`.
        ValueError: the name is empty or too long, or SQLAlchemy began a transaction by itself.
        TypeError: the connection is neither asyncpg's nor an AsyncConnection of SQLAlchemy with asyncpg.
    """
    if not 1 <= len(name) <= MAX_NAME_CHARS or "\0" in name:
        raise ValueError(f"an effect's name has 1 to {MAX_NAME_CHARS} characters and no NUL")
    database = adapted(connection)
    async with database.transaction():
        await _pass_fence(database, token, wait_seconds)
        known = await database.row(KNOWN, token.job_id, name)
        if known is not None:
            yield Effect(fresh=False, kept=known[0])
            return
        effect = Effect(fresh=True)
        yield effect
        kept = effect.finish()
        await database.row(APPLIED, token.job_id, name, token.epoch, token.attempt, kept)


async def _pass_fence(database: LedgerConnection, token: Token, wait_seconds: float) -> None:
    try:
        async with asyncio.timeout(wait_seconds):
            passed = await database.row(FENCE, token.job_id, token.epoch, token.attempt)
    except TimeoutError as error:
        raise LedgerBusy(
            f"another transaction has written for job {token.job_id} and did not end within {wait_seconds:g} s"
        ) from error
    if passed is None:
        raise StaleToken(f"attempt {token.attempt} of job {token.job_id} is not the newest here")
