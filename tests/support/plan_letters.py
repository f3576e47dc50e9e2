"""What a day of job_service does with dead letters, for `test_plans.py` to judge."""

from contextlib import suppress
from typing import Any, Protocol

from job_service.domain.bulk import BulkVerb, NewBulk
from job_service.domain.credits import Credits
from job_service.domain.letters import LetterWish
from job_service.domain.listed import BEYOND
from job_service.duties.run_bulk_actions import WALK_ROWS
from job_service.operations.problems import NotDrainable
from job_service.postgres import bulk_chunks
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


OF_MANY = {bulk_chunks.RETRY: 2 * BATCH}
"""While statistics say that there are no letters, PostgreSQL 15 looks each up in an index of all of them."""


class LettersOfADay:
    """Lists of each kind; a batch of a type of its own is retried, abandoned, exported; all is forgotten."""

    def __init__(self, service: Service, judge: Judge) -> None:
        self._service = service
        self._judge = judge
        self._seq = 0

    async def begin(self) -> None:
        """A worker and a scheduler of their own, for all rounds."""
        self._worker = await self._service.worker(types=[LETTERS])
        self._scheduler = await self._service.scheduler()

    async def round(self) -> None:
        """One batch of each kind of work."""
        service = self._service
        for wish in (LetterWish(), LetterWish(reason="failed"), LetterWish(job_type=LETTERS)):
            await service.stores.letters.page(wish, below=None, limit=BATCH)
            self._judge(BATCH, of=OF_MANY)
        for verb, which in DEALT_WITH:
            await self._some()
            new = NewBulk(new_id(), verb, LetterWish(**which), False, BATCH, str(new_id()), b"")
            await service.operations.bulk.begin(new)
            await service.operations.bulk.begin(new)
            self._judge(1)
            while (counts := await service.duty("run_bulk_actions"))["more"]:
                self._judge(WALK_ROWS if counts["matched"] else BATCH, of=OF_MANY)
            await service.stores.bulks.report(new.id, below=BEYOND, outcome="done", limit=BATCH)
            self._judge(BATCH, of=OF_MANY)
        await self._bulks()
        await service.operations.drain.drain(self._worker)
        with suppress(NotDrainable):
            await service.operations.drain.drain(self._scheduler)
        self._judge(0)

    async def _bulks(self) -> None:
        """One that is stopped, with a job that is refused; those that have ended are forgotten."""
        store, chunks = self._service.stores.bulks, self._service.stores.chunks
        wish = LetterWish(name="nobody")
        new = NewBulk(new_id(), BulkVerb.RETRY, wish, False, BATCH, None, b"")
        await store.begin(new, BATCH)
        await chunks.give_up(new.id, new_id(), "refused")
        await store.stop(new.id)
        assert await store.get(new.id)
        await store.list(BEYOND, BATCH)
        self._judge(BATCH, of=OF_MANY)
        while forgotten := await store.forget(-60.0, BATCH):
            self._judge(forgotten)

    async def _some(self) -> None:
        service = self._service
        await service.create(BATCH, job_type=LETTERS)
        self._seq += 1
        credit = Credits(BATCH, 0, {LETTERS: BATCH}, {})
        claimed = await service.stores.claims.claim(self._scheduler, self._seq, credit, first=True)
        leases = await service.lease(self._worker, claimed)
        ends = [end_of(lease, Outcome.FAILED, retry=False) for lease in leases]
        await service.report(self._worker, ends=ends)
        self._judge(BATCH, of=OF_MANY)
