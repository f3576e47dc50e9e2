"""One chunk of a bulk action: a transaction that holds the action's row locked from its first statement on.

All that it does is committed together: the transitions, what the report says of each job, how far the action
has come. So whoever dies in the middle has done nothing, and the next one goes on from there (ADR 0013).
"""

from collections.abc import Sequence
from typing import Any, NamedTuple
from uuid import UUID

import asyncpg

from job_service.domain.bulk import Bulk, BulkState, BulkVerb, Chunk, Skipped, Stepped, Stuck
from job_service.domain.listed import BEYOND
from job_service.operations.outcomes import Definite, Locked
from job_service.postgres.bulk_actions import bulk_of
from job_service.postgres.client_changes import abandon, schedule_now
from job_service.postgres.database import Database, Raw
from job_service.postgres.dead_letters import FITS, PLACES, filters, place_of, walk
from job_service.postgres.listing import WALK
from job_service.postgres.lookup import lookup

BRIEFLY = "SET LOCAL lock_timeout = '100ms'"
"""Of an ordering key that somebody keeps locked; the rows of jobs are not waited for at all."""

LOOK_AGAIN_SECONDS = 1.0
"""Until the next round over jobs that were locked."""

# The open action that has waited longest. Nobody else gets it until this transaction ends.
NEXT = """
SELECT * FROM bulk_actions WHERE finished_at IS NULL AND look_at <= clock_timestamp()
ORDER BY look_at LIMIT 1 FOR UPDATE SKIP LOCKED
"""


def _match(place: str) -> str:
    """Notes the letters that fit and were letters when the action began, with their versions: $13 is the
    action, $14 its begin, $4 how many more it takes."""
    return f"""
WITH walked AS MATERIALIZED ({walk(place)} LIMIT $3),
noted AS (
    INSERT INTO bulk_action_jobs (action_id, job_id, version)
    SELECT $13::uuid, j.id, j.version FROM walked AS c
    CROSS JOIN LATERAL (SELECT * FROM jobs WHERE {lookup("jobs.id", "c.job_id")}) AS j
    WHERE {FITS} AND j.finished_at <= $14
    ORDER BY c.job_id DESC LIMIT $4
    RETURNING job_id
)
SELECT (SELECT count(*) FROM noted) AS matched,
       (SELECT count(*) FROM walked) AS walked,
       (SELECT job_id FROM walked ORDER BY job_id LIMIT 1) AS last
"""


MATCH_OF_TYPE = _match(PLACES[0])
MATCH_OF_REASON = _match(PLACES[1])
MATCH_OF_ALL = _match(PLACES[2])

PENDING = """
SELECT job_id, version FROM bulk_action_jobs
WHERE action_id = $1 AND outcome IS NULL AND job_id < $2 ORDER BY job_id DESC LIMIT $3
"""

OPEN = "SELECT rounds FROM bulk_actions WHERE id = $1 AND finished_at IS NULL FOR UPDATE"

# Those that nobody keeps locked, locked from here on, in the order of their ids (R11).
FREE = "SELECT id FROM jobs WHERE id = ANY ($1::uuid[]) ORDER BY id FOR UPDATE SKIP LOCKED"
THERE = "SELECT id FROM jobs WHERE id = ANY ($1::uuid[])"

RETRY = schedule_now(reason="'bulk-retried'", actor="'bulk'")
ABANDON = abandon(reason="'bulk-abandoned'", actor="'bulk'")

NOTE = f"""
UPDATE bulk_action_jobs AS r SET outcome = n.outcome, note = n.note
FROM unnest($2::uuid[], $3::text[], $4::text[]) AS n (job_id, outcome, note)
WHERE r.action_id = $1 AND {lookup("r.job_id", "n.job_id")} AND r.outcome IS NULL
"""

COME_SO_FAR = """
UPDATE bulk_actions
SET position = $2, state = $3, rounds = rounds + $4, matched = matched + $5, done = done + $6,
    skipped = skipped + $7, failed = failed + $8, updated_at = clock_timestamp(),
    look_at = clock_timestamp() + $9 * interval '1 second',
    finished_at = CASE WHEN $3 = 'done' THEN clock_timestamp() END
WHERE id = $1
"""


class _Verdict(NamedTuple):
    """What became of one job."""

    job_id: UUID
    outcome: str
    note: str | None = None


class BulkChunks:
    """Implements the store of `run_bulk_actions`."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def step(self, chunk: Chunk) -> Stepped:
        """Do the next chunk of the open action that has waited longest.

        Raises:
            Stuck: the database refused these jobs; nothing was done.
            DatabaseError: as any unit of work.
        """
        at: list[tuple[UUID, list[UUID]]] = []

        async def unit(raw: Raw) -> Stepped:
            row = await raw.fetchrow(NEXT)
            if row is None:
                return Stepped(None)
            bulk = bulk_of(row)
            await raw.execute(BRIEFLY)
            if bulk.state is BulkState.MATCHING:
                return await _match_some(raw, bulk, row["position"], chunk)
            pending = await raw.fetch(PENDING, bulk.id, row["position"], chunk.jobs)
            if not pending:
                return await _next_round(raw, bulk)
            at.append((bulk.id, [one["job_id"] for one in pending]))
            patient = row["rounds"] < chunk.rounds
            return await _deal_with(raw, bulk, pending, patient=patient)

        try:
            return await self._database.transaction(unit)
        except (Definite, Locked) as error:
            if not at:
                raise
            of, jobs = at[0]
            locked = isinstance(error, Locked)
            raise Stuck(of, jobs, locked=locked, why=str(error)) from error

    async def set_aside(self, of: UUID, job_id: UUID, rounds: int) -> None:
        """Leave a job whose ordering key somebody keeps locked for the next round; after so many rounds for
        good."""
        await self._note_alone(of, _Verdict(job_id, "skipped", Skipped.LOCKED), rounds)

    async def give_up(self, of: UUID, job_id: UUID, why: str) -> None:
        """Note that the database refuses this job."""
        await self._note_alone(of, _Verdict(job_id, "failed", why), 0)

    async def _note_alone(self, of: UUID, verdict: _Verdict, rounds: int) -> None:
        async def unit(raw: Raw) -> None:
            row = await raw.fetchrow(OPEN, of)
            if row is None:
                return
            noted = await _note(raw, of, [verdict]) if row["rounds"] >= rounds else 0
            skipped = noted if verdict.outcome == "skipped" else 0
            await _come_so_far(raw, of, verdict.job_id, skipped=skipped, failed=noted - skipped)

        await self._database.transaction(unit)


async def _match_some(raw: Raw, bulk: Bulk, position: UUID, chunk: Chunk) -> Stepped:
    await raw.execute(WALK)
    first, end = bulk.wish.ids
    statement = (MATCH_OF_TYPE, MATCH_OF_REASON, MATCH_OF_ALL)[place_of(bulk.wish)]
    row = await raw.fetchrow(
        statement,
        min(position, end),
        first,
        chunk.walk,
        bulk.most_jobs - bulk.matched,
        *filters(bulk.wish),
        bulk.id,
        bulk.created_at,
    )
    assert row is not None
    over = row["walked"] < chunk.walk or bulk.matched + row["matched"] >= bulk.most_jobs
    state, position = BulkState.MATCHING, row["last"]
    if over:
        only_found = bulk.dry_run or bulk.verb is BulkVerb.EXPORT
        state, position = BulkState.DONE if only_found else BulkState.RUNNING, BEYOND
    await _come_so_far(raw, bulk.id, position, state, matched=row["matched"])
    return Stepped(bulk.id, matched=row["matched"], ended=state is BulkState.DONE)


async def _next_round(raw: Raw, bulk: Bulk) -> Stepped:
    """All were looked at: the end, or a round over those that were locked."""
    over = bulk.matched == bulk.done + bulk.skipped + bulk.failed
    state = BulkState.DONE if over else BulkState.RUNNING
    wait = 0.0 if over else LOOK_AGAIN_SECONDS
    await _come_so_far(raw, bulk.id, BEYOND, state, rounds=1, wait=wait)
    return Stepped(bulk.id, ended=over)


async def _deal_with(
    raw: Raw, bulk: Bulk, pending: Sequence[asyncpg.Record], *, patient: bool
) -> Stepped:
    ids = [one["job_id"] for one in pending]
    free = {row["id"] for row in await raw.fetch(FREE, ids)}
    there = {row["id"] for row in await raw.fetch(THERE, ids)}
    mine = [(one["job_id"], one["version"]) for one in pending if one["job_id"] in free]
    moved = await _move(raw, bulk, mine)
    verdicts = [_Verdict(job_id, "done") for job_id in moved]
    verdicts += [
        _Verdict(job_id, "skipped", Skipped.CHANGED) for job_id in free if job_id not in moved
    ]
    verdicts += [_Verdict(i, "skipped", Skipped.DELETED) for i in ids if i not in there]
    if not patient:
        verdicts += [_Verdict(i, "skipped", Skipped.LOCKED) for i in there - free]
    skipped = len(verdicts) - len(moved)
    await _note(raw, bulk.id, verdicts)
    await _come_so_far(raw, bulk.id, ids[-1], done=len(moved), skipped=skipped)
    return Stepped(bulk.id, done=len(moved), skipped=skipped)


async def _note(raw: Raw, of: UUID, verdicts: Sequence[_Verdict]) -> int:
    """Write into the report; how many of them it did not say before."""
    columns = [[verdict[n] for verdict in verdicts] for n in range(3)]
    tag: str = await raw.execute(NOTE, of, *columns)
    return int(tag.split()[-1])


async def _come_so_far(
    raw: Raw,
    of: UUID,
    position: UUID,
    state: BulkState = BulkState.RUNNING,
    *,
    rounds: int = 0,
    matched: int = 0,
    done: int = 0,
    skipped: int = 0,
    failed: int = 0,
    wait: float = 0.0,
) -> None:
    await raw.execute(
        COME_SO_FAR, of, position, state.value, rounds, matched, done, skipped, failed, wait
    )


async def _move(raw: Raw, bulk: Bulk, mine: Sequence[tuple[UUID, int]]) -> set[UUID]:
    """The jobs that were changed: those still at the version that matched."""
    ids, versions = [job_id for job_id, _ in mine], [version for _, version in mine]
    wanted: list[Any] = [ids, versions, [bulk.id] * len(mine)]
    if bulk.verb is BulkVerb.RETRY:
        rows = await raw.fetch(RETRY, *wanted, ["FAILED"] * len(mine))
    else:
        rows = await raw.fetch(ABANDON, *wanted)
    return {row["id"] for row in rows}
