"""What statements cost follows their answer, and not the size of the tables (Show 10 of the core's issue).

A million pending jobs, a tenth as many settled ones. The operations and duties run as they do in production,
and PostgreSQL itself tells by which plan each of their statements ran. Statistics are either those of a young
system (`due` was empty when it was last looked at) or current ones; prepared plans are either chosen as ever,
over enough rounds for PostgreSQL to settle on one, or generic from the first.
"""

import importlib
import pkgutil
from collections import Counter, defaultdict
from collections.abc import Iterator

import asyncpg
import pytest

from job_service import postgres
from job_service.postgres import claims, counts, parked, partitions, reaping, seed_types
from shared.runtime.settings import LeaseTimes
from tests.support.databases import run_coroutine
from tests.support.job_service import (
    open_service,
)
from tests.support.million_jobs import crowded_database
from tests.support.plan_day import Day
from tests.support.plans import Plan, PlanLog

PENDING, SETTLED = 1_000_000, 100_000
pytestmark = pytest.mark.timeout(300)
"""The fixture loads a million jobs."""

ROUNDS = 7
"""PostgreSQL chooses between a generic and a custom plan at the sixth execution."""

ROWS_EACH, ROWS_MORE = 25, 500
PAGES_EACH, PAGES_MORE = 45, 300
"""What a statement may look at for each job of its answer, and besides. One walk through `due` by an index is
1,000,000 rows, or 5,000 pages for those that fit nothing."""

LINES = ("ordering_keys", "in_line")
"""What a trigger runs for jobs with a key names one of these."""

FORGET_THE_DEAD = "DELETE FROM nodes WHERE state = 'dead'"
"""As retention does: the reaper looks at each, and every round of every case kills some."""

NOT_JUDGED = {
    parked.PARK: "knows no jobs",
    parked.EXPIRE: "knows no jobs",
    parked.OVER_CAP: "knows no jobs",
    parked.LIST: "knows no jobs",
    parked.READ: "knows no jobs",
    parked.DROP: "knows no jobs",
    seed_types.SEED: "knows no jobs",
    partitions.EXISTING: "reads the catalogue",
    partitions.TODAY: "reads the clock",
    partitions.RECENT: "retention reads a day, each ten minutes",
    partitions.DELETE_SETTLED: "retention reads a day, each ten minutes",
}


def statements() -> dict[str, str]:
    """Every SQL statement of job_service.postgres, with its name."""
    found: dict[str, str] = {}
    for info in pkgutil.iter_modules(postgres.__path__):
        module = importlib.import_module(f"{postgres.__name__}.{info.name}")
        for name, value in vars(module).items():
            verb = value.split(maxsplit=1)[:1] if isinstance(value, str) else []
            if (
                name.isupper()
                and verb
                and verb[0] in {"SELECT", "WITH", "INSERT", "UPDATE", "DELETE"}
            ):
                found.setdefault(value, f"{info.name}.{name}")
    return found


@pytest.fixture(scope="module")
def crowded(postgres_url: str, migrated_template: str) -> Iterator[str]:
    """A database full of jobs, with the statistics of a young system. Loaded once, in some 20 s."""
    with crowded_database(postgres_url, migrated_template, pending=PENDING, settled=SETTLED) as url:
        yield url


@pytest.fixture(scope="module", params=["young", "current"])
def database(crowded: str, request: pytest.FixtureRequest) -> str:
    """The same database, with young statistics first and with current ones for the tests after."""
    if request.param == "current":
        run_coroutine(_analyze(crowded))
    return crowded


async def _analyze(url: str) -> None:
    raw = await asyncpg.connect(url)
    try:
        await raw.execute("ANALYZE")
    finally:
        await raw.close()


class Judge:
    """Sets what each statement looked at against its answer."""

    def __init__(self, log: PlanLog) -> None:
        self._log = log
        self._names = statements()
        self.seen: Counter[str] = Counter()
        self.verdicts: dict[str, list[str]] = defaultdict(list)

    def __call__(self, answer: int, *, of: dict[str, int] | None = None) -> None:
        """Judge all that ran since the last call. `answer`: jobs asked about or changed; `of`: the same for
        single statements."""
        for plan in self._log.take():
            name = self._names.get(plan.statement)
            if name is None and any(table in plan.statement for table in LINES):
                name = "arrange_keys"
            if name is not None:
                self.seen[plan.statement] += 1
                self._one(name, plan, (of or {}).get(plan.statement, answer))

    def _one(self, name: str, plan: Plan, answer: int) -> None:
        rows = ROWS_MORE + ROWS_EACH * answer
        pages = PAGES_MORE + PAGES_EACH * answer
        if plan.rows > rows or plan.buffers > pages:
            self.verdicts[name].append(
                f"{name} answers {answer}, looked at {plan.rows:g} rows (at most {rows}) and "
                f"{plan.buffers} pages (at most {pages}):\n{plan.outline()}"
            )
        for scan in plan.scans:
            big = scan.relation.startswith(("jobs", "due", "job_history", "executions"))
            if big and scan.kind == "Seq Scan" and scan.rows > 5:
                self.verdicts[name].append(
                    f"{name} walks through {scan.relation}:\n{plan.outline()}"
                )


@pytest.mark.parametrize("plan_cache_mode", ["auto", "force_generic_plan"])
async def test_every_statement_looks_at_no_more_than_its_answer(
    database: str, plan_cache_mode: str
) -> None:
    log = PlanLog()
    raw = await asyncpg.connect(database)
    await log.switch_on(raw, plan_cache_mode=plan_cache_mode)
    await raw.execute(FORGET_THE_DEAD)
    await raw.close()
    async with open_service(database, lease=LeaseTimes(ttl=300, scheduler_ttl=300)) as service:
        await log.listen(service.stores.database)
        judge = Judge(log)
        day = Day(service, judge)
        await day.begin()
        for _ in range(ROUNDS):
            await day.happy_path()
            await day.detours()
            await day.deaths()
            await day.duties()
            await day.clients()
            await day.feed()
            await day.pauses()
            await day.keys()
    assert any(name in text for name in LINES for text in judge.seen), "no trigger ran"
    assert not judge.verdicts, "\n\n".join(found[0] for found in judge.verdicts.values())
    missing = statements().keys() - NOT_JUDGED.keys() - judge.seen.keys()
    assert not missing, f"never ran here: {sorted(statements()[text] for text in missing)}"
    hot = {claims.CLAIM, claims.CAPACITY, counts.COUNTS, counts.FOLD, reaping.HELD_BY_DEAD}
    assert all(judge.seen[text] >= ROUNDS for text in hot)
