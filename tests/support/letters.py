"""Dead letters in a test, and bulk actions over them, cranked by hand."""

from typing import Any
from uuid import UUID

from job_service.domain.bulk import Bulk, BulkVerb, NewBulk
from job_service.domain.job import Job
from job_service.domain.letters import LetterWish
from job_service.domain.listed import BEYOND
from shared.contracts.states import Outcome
from shared.kernel.ids import new_id
from tests.support.given import Actors
from tests.support.job_service import Service, end_of

ROUNDS_MOST = 1_000


async def letters(actors: Actors, count: int, **fields: Any) -> list[Job]:
    """Jobs that have failed for good, oldest first."""
    leases = await actors.service.leased(actors.scheduler, actors.worker, count, **fields)
    ends = [end_of(lease, Outcome.FAILED, retry=False, error="boom") for lease in leases]
    await actors.service.report(actors.worker, ends=ends)
    return [await actors.service.job(job_id) for job_id in sorted(x.job_id for x in leases)]


async def one_letter(actors: Actors, *, reason: str = "", **fields: Any) -> Job:
    """One job that failed for good, for that reason; without one for that of a plain failure."""
    lease = await actors.service.leased_one(actors.scheduler, actors.worker, **fields)
    said = {"reason": reason} if reason else {}
    await actors.service.finish(actors.worker, lease, Outcome.FAILED, retry=False, **said)
    return await actors.service.job(lease.job_id)


async def begin_bulk(
    service: Service,
    verb: BulkVerb = BulkVerb.RETRY,
    *,
    dry_run: bool = False,
    most_jobs: int = 1_000,
    **wish: Any,
) -> UUID:
    """Begin an action over the letters that match the wish; nothing of it is done yet."""
    new = NewBulk(new_id(), verb, LetterWish(**wish), dry_run, most_jobs, None, b"")
    bulk, is_new = await service.operations.bulk.begin(new)
    assert is_new
    return bulk.id


async def bulk_of(service: Service, bulk_id: UUID) -> Bulk:
    """The action as it is."""
    bulk = await service.stores.bulks.get(bulk_id)
    assert bulk is not None
    return bulk


async def crank(service: Service, bulk_id: UUID, rounds: int = ROUNDS_MOST) -> Bulk:
    """So many rounds of the duty at most, until the action has ended; the action."""
    for _ in range(rounds):
        await service.duty("run_bulk_actions")
        bulk = await bulk_of(service, bulk_id)
        if bulk.finished_at is not None:
            break
    return await bulk_of(service, bulk_id)


async def report_of(service: Service, bulk_id: UUID) -> dict[UUID, tuple[str | None, str | None]]:
    """Outcome and note of each job that matched."""
    items = await service.stores.bulks.report(bulk_id, below=BEYOND, outcome=None, limit=1_000)
    return {item.job_id: (item.outcome, item.note) for item in items}
