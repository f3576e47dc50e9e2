"""What a day of job_service does with dead letters, for `test_plans.py` to judge."""

from typing import Any, Protocol
from uuid import UUID

from job_service.domain.bulk import BulkVerb, NewBulk
from job_service.domain.credits import Credits
from job_service.domain.letters import LetterWish
from job_service.domain.listed import BEYOND
from job_service.duties.run_bulk_actions import WALK_ROWS
from shared.contracts.states import Outcome
from shared.kernel.ids import new_id
from tests.support.job_service import Service, end_of

LETTERS = "LETTERS"
BATCH = 20
DEALT_WITH: tuple[tuple[BulkVerb, dict[str, Any]], ...] = (
    (BulkVerb.RETRY, {"job_type": LETTERS}),
    (BulkVerb.ABANDON, {"job_type": LETTERS}),
    (BulkVerb.EXPORT, {"reason": "failed"}),
    (BulkVerb.EXPORT, {}),
)


class Judge(Protocol):
    """Is called after each piece of work with the number of jobs that it was about; `of`: the same for single
    statements."""

    def __call__(self, answer: int, *, of: dict[str, int] | None = None) -> None: ...


async def letters(service: Service, judge: Judge) -> None:
    """Lists of each kind; a batch of a type of its own is retried, abandoned, exported, and all is forgotten."""
    for wish in (LetterWish(), LetterWish(reason="failed"), LetterWish(job_type=LETTERS)):
        await service.stores.letters.page(wish, below=None, limit=BATCH)
        judge(BATCH)
    worker, scheduler = await service.worker(types=[LETTERS]), await service.scheduler()
    for seq, (verb, wish) in enumerate(DEALT_WITH, 1):
        await _some(service, judge, worker, scheduler, seq)
        new = NewBulk(new_id(), verb, LetterWish(**wish), False, BATCH, str(new_id()), b"")
        await service.operations.bulk.begin(new)
        await service.operations.bulk.begin(new)
        judge(1)
        while (counts := await service.duty("run_bulk_actions"))["more"]:
            judge(WALK_ROWS if counts["matched"] else BATCH)
        await service.stores.bulks.report(new.id, below=BEYOND, outcome="done", limit=BATCH)
        judge(BATCH)
    await service.operations.sessions.leave(scheduler)
    await _bulks(service, judge)


async def _bulks(service: Service, judge: Judge) -> None:
    """One that is stopped, with a job that is refused; those that have ended are forgotten."""
    store, chunks = service.stores.bulks, service.stores.chunks
    wish = LetterWish(name="nobody")
    new = NewBulk(new_id(), BulkVerb.RETRY, wish, False, BATCH, None, b"")
    await store.begin(new, BATCH)
    await chunks.give_up(new.id, new_id(), "refused")
    await store.stop(new.id)
    assert await store.get(new.id)
    await store.list(BEYOND, BATCH)
    judge(BATCH)
    while forgotten := await store.forget(-60.0, BATCH):
        judge(forgotten)


async def _some(service: Service, judge: Judge, worker: UUID, scheduler: UUID, seq: int) -> None:
    await service.create(BATCH, job_type=LETTERS)
    credit = Credits(BATCH, 0, {LETTERS: BATCH}, {})
    claimed = await service.stores.claims.claim(scheduler, seq, credit, first=True)
    leases = await service.lease(worker, claimed)
    ends = [end_of(lease, Outcome.FAILED, retry=False) for lease in leases]
    await service.report(worker, ends=ends)
    judge(BATCH)
