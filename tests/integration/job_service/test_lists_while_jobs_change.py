"""Pages of a list are read while jobs are created and change their states: no job that fits all the while is
skipped, and none comes twice (Show 6 of the surface's issue)."""

import random
from collections.abc import Awaitable, Callable
from uuid import UUID

import pytest

from job_service.domain.listed import Wish
from job_service.postgres.listing import Listing
from shared.contracts.states import JobStatus as S
from shared.contracts.states import Outcome
from tests.support.given import Actors
from tests.support.job_service import AHEAD, Service

LISTS = (
    frozenset[S](),
    frozenset({S.CREATED}),
    frozenset({S.SCHEDULED}),
    frozenset({S.CREATED, S.SCHEDULED, S.RUNNING}),
    frozenset({S.CREATED, S.SCHEDULED, S.RUNNING, S.FAILED, S.CANCELLED}),
    frozenset({S.FAILED, S.CANCELLED}),
    frozenset({S.RUNNING, S.SUCCESS}),
)
JOBS, STEPS_BETWEEN_PAGES = 60, 6


class Life:
    """Lets jobs move at random, by the protocol itself, and notes every state that each was in."""

    def __init__(self, actors: Actors, chance: random.Random) -> None:
        self._actors = actors
        self._service: Service = actors.service
        self._chance = chance
        self.was: dict[UUID, set[S]] = {}
        self._steps: list[Callable[[], Awaitable[object]]] = [
            self._create,
            self._claim_and_lease,
            self._claim_and_release,
            self._finish,
            self._cancel,
            self._by_hand,
        ]

    async def go(self, steps: int) -> None:
        """Take steps, and note what came of them."""
        for _ in range(steps):
            await self._chance.choice(self._steps)()
            await self.note()

    async def note(self) -> None:
        """Every job's state as it is."""
        for row in await self._service.raw.fetch("SELECT id, status FROM jobs"):
            self.was.setdefault(row["id"], set()).add(S(row["status"]))

    async def _create(self) -> None:
        await self._service.create(3, in_seconds=self._chance.choice([None, AHEAD, 900]))

    async def _claim_and_lease(self) -> None:
        claimed = await self._service.claim(self._actors.scheduler, limit=6)
        if claimed:
            await self._service.lease(self._actors.worker, claimed[:4])

    async def _claim_and_release(self) -> None:
        claimed = await self._service.claim(self._actors.scheduler, limit=3)
        if claimed:
            await self._service.lease(self._actors.worker, claimed)
            await self._service.release(self._actors.worker, claimed)

    async def _finish(self) -> None:
        running = await self._service.stores.nodes.holdings(self._actors.worker)
        for attempt in self._chance.sample(running, min(3, len(running))):
            outcome = self._chance.choice([Outcome.SUCCESS, Outcome.FAILED, Outcome.SNOOZED])
            wait = {"retry_after_seconds": 500} if outcome is not Outcome.SUCCESS else {}
            await self._service.start(self._actors.worker, attempt)
            await self._service.finish(self._actors.worker, attempt, outcome, **wait)

    async def _cancel(self) -> None:
        await self._some({S.CREATED, S.SCHEDULED, S.FAILED}, self._service.operations.change.cancel)

    async def _by_hand(self) -> None:
        change = self._service.operations.change
        await self._some(
            {S.CREATED, S.FAILED},
            lambda job_id: change.schedule_now(job_id, None, [S.CREATED, S.FAILED]),
        )

    async def _some(self, states: set[S], do: Callable[[UUID], Awaitable[object]]) -> None:
        rows = await self._service.raw.fetch(
            "SELECT id FROM jobs WHERE status = ANY ($1) AND node IS NULL AND NOT cancel_requested",
            list(states),
        )
        if rows:
            await do(self._chance.choice(rows)["id"])


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize("states", LISTS, ids=lambda states: "-".join(sorted(states)) or "all")
async def test_no_job_is_skipped_or_repeated(
    actors: Actors, states: frozenset[S], seed: int
) -> None:
    chance = random.Random(f"{sorted(states)} {seed}")
    service = actors.service
    await service.create(JOBS, in_seconds=None if seed % 2 else AHEAD)
    life = Life(actors, chance)
    await life.go(25)
    life.was.clear()
    await life.note()
    listing = Listing(service.stores.database, stretch=23, narrow=11)
    wish, limit = Wish(statuses=states), chance.choice([1, 3, 7])
    there = set(life.was)
    listed: list[UUID] = []
    below: UUID | None = None
    while True:
        page = await listing.page(wish, below=below, limit=limit)
        listed += [job.id for job in page.jobs]
        assert all(not states or job.status in states for job in page.jobs)
        if page.below is None:
            break
        below = page.below
        await life.go(STEPS_BETWEEN_PAGES if len(listed) < JOBS else 1)
    assert len(listed) == len(set(listed)), "no job comes twice"
    assert listed == sorted(listed, reverse=True)
    stayed = {job for job in there if not states or life.was[job] <= states}
    assert stayed - set(listed) == set(), "a job that fitted all the while was skipped"
