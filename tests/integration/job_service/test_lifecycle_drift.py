"""The table of states (job_service/domain/lifecycle.py) against everything else that says the same: the
trigger, the CHECK constraint, the texts of the statements, the 409 answers (DESIGN section 3)."""

import re
from collections.abc import AsyncIterator
from itertools import product
from uuid import UUID

import asyncpg
import pytest

from job_service.domain.lifecycle import BY_PAIR, EDGES, TERMINAL, Actor, allowed_to_clients
from job_service.domain.wanted import Change
from job_service.operations import release_attempts, report_attempts
from job_service.operations.problems import IllegalTransition
from job_service.postgres.database import Raw
from shared.contracts.reports import FAILURES
from shared.contracts.states import JobStatus, Outcome
from shared.kernel.ids import new_id
from tests.support.job_service import Service, open_service
from tests.support.statements import Transition, transitions

S = JobStatus
ILLEGAL = "P0409"

# Sources and reasons that a statement takes as parameters, from where the parameters come.
SOURCES_GIVEN = {
    "client_changes.SCHEDULE_NOW": {S.CREATED, S.FAILED},
    "bulk_chunks.RETRY": {S.FAILED},
}
REASONS_GIVEN = {
    "leases.RELEASE": set(release_attempts.REASONS),
    "reports.ENDS": {*report_attempts._DEFAULT_REASONS.values(), *FAILURES, "by-hand"},
}
NOT_BUILT_YET = {
    (S.RUNNING, S.STOPPED),
    (S.RUNNING, S.WAITING),
    *((S.WAITING, target) for target in (S.SCHEDULED, S.FAILED, S.STOPPED)),
}
"""Edges that no statement takes so far (batch steps)."""


@pytest.fixture
async def planted(database_url: str) -> AsyncIterator[Service]:
    """A service whose jobs are written by hand, so its books are not looked at."""
    async with open_service(database_url) as service:
        yield service


async def plant(raw: Raw, status: JobStatus, *, held: bool = False) -> UUID:
    """A job in that state at version 7, put there past every rule."""
    job_id = new_id()
    await raw.execute(
        """INSERT INTO jobs (id, name, job_type, status, version, attempt, max_attempts, priority, band,
                             scheduled_time, due_at, ready_at, dispatch_at, created_at, updated_at, node)
           VALUES ($1, 'planted', 'DUMMY', $2, 7, 1, 3, 0, 2, now(), now(), now(), now(), now(), now(), $3)""",
        job_id,
        status.value,
        new_id() if held else None,
    )
    return job_id


async def is_refused(raw: Raw, statement: str, *arguments: object) -> bool:
    """Whether the database says that the change is illegal."""
    try:
        async with raw.transaction():
            done = await raw.execute(statement, *arguments)
    except asyncpg.PostgresError as error:
        if error.sqlstate != ILLEGAL:
            raise
        return True
    assert done.endswith(" 1"), done
    return False


async def test_the_trigger_names_the_edges_of_the_table(planted: Service) -> None:
    definition = await planted.raw.fetchval(
        "SELECT pg_get_triggerdef(oid) FROM pg_trigger WHERE tgname = 'jobs_lifecycle'"
    )
    told = re.findall(r"\b([A-Z]+)>([A-Z]+)\b", definition)
    assert sorted(told) == sorted((e.source.value, e.target.value) for e in EDGES)


async def test_the_check_constraint_names_the_states(planted: Service) -> None:
    definition = await planted.raw.fetchval(
        "SELECT pg_get_constraintdef(oid) FROM pg_constraint WHERE conname = 'jobs_status_known'"
    )
    assert sorted(re.findall(r"'([A-Z]+)'", definition)) == sorted(S)


async def test_the_database_takes_an_edge_exactly_if_the_table_has_it(planted: Service) -> None:
    """Every pair of states, tried on a real row; so nothing leaves a terminal state either."""
    change = (
        "UPDATE jobs SET status = $2, prev_status = status, version = version + 1 WHERE id = $1"
    )
    for source, target in product(S, S):
        job_id = await plant(planted.raw, source)
        refused = await is_refused(planted.raw, change, job_id, target.value)
        assert refused == ((source, target) not in BY_PAIR), (source, target)
        if source in TERMINAL:
            assert refused, (source, target)


@pytest.mark.parametrize(
    "change",
    [
        "version = version + 2, prev_status = status, status = 'SCHEDULED'",
        "version = version - 1, prev_status = status, status = 'SCHEDULED'",
        "status = 'SCHEDULED', prev_status = status",
        "version = version + 1, prev_status = 'RUNNING', status = 'SCHEDULED'",
        "version = version + 1, prev_status = NULL, status = 'SCHEDULED'",
        "attempt = attempt + 1",
        "failures = failures + 1",
        "lost = lost + 1",
        "node = gen_random_uuid()",
        "cancel_requested = true",
        "due_at = due_at + interval '1 hour'",
    ],
)
async def test_a_change_that_skips_or_hides_a_version_is_refused(
    planted: Service, change: str
) -> None:
    """G7: `version` rises by exactly one with every visible change, and names the state before."""
    job_id = await plant(planted.raw, S.CREATED)
    assert await is_refused(planted.raw, f"UPDATE jobs SET {change} WHERE id = $1", job_id)


@pytest.mark.parametrize("status", list(S))
async def test_only_a_settled_job_can_be_deleted(planted: Service, status: JobStatus) -> None:
    delete = "DELETE FROM jobs WHERE id = $1"
    settled = status in {*TERMINAL, S.STOPPED, S.FAILED}
    job_id = await plant(planted.raw, status)
    assert await is_refused(planted.raw, delete, job_id) != settled
    if status is S.FAILED:
        waiting = await plant(planted.raw, status)
        await planted.raw.execute("UPDATE jobs SET next_attempt_at = now() WHERE id = $1", waiting)
        assert await is_refused(planted.raw, delete, waiting)


@pytest.mark.parametrize("transition", list(transitions()), ids=lambda t: t.name)
def test_a_statement_can_do_only_what_the_table_allows(transition: Transition) -> None:
    """Each state that a statement sets, each reason and each actor that it writes stands in the table, for
    a source that its guard lets through."""
    edges = _edges_of(transition)
    assert edges
    assert {t for _, t in edges} >= {S(t) for t in transition.targets}
    assert {actor for pair in edges for actor in BY_PAIR[pair].actors} >= _actors_of(transition)
    for reason in _reasons_of(transition):
        assert any(reason in BY_PAIR[pair].reasons for pair in edges), reason


def test_the_statements_that_were_read_are_all_of_them() -> None:
    """Whatever writes history was understood, and every edge that is built has a statement."""
    found = list(transitions())
    assert len(found) >= 12
    taken = {pair for transition in found for pair in _edges_of(transition)}
    assert set(BY_PAIR) - taken == NOT_BUILT_YET


def _edges_of(transition: Transition) -> set[tuple[JobStatus, JobStatus]]:
    """The edges of the table that the statement's guard, targets, reasons and actors leave open."""
    sources = {S(s) for s in transition.sources} or SOURCES_GIVEN[transition.name]
    pairs = set(product(sources, {S(t) for t in transition.targets}))
    if transition.keeps:
        pairs |= {(source, source) for source in sources}
    reasons, actors = _reasons_of(transition), _actors_of(transition)
    return {
        pair
        for pair in pairs & BY_PAIR.keys()
        if reasons & set(BY_PAIR[pair].reasons) and actors & set(BY_PAIR[pair].actors)
    }


def _actors_of(transition: Transition) -> set[Actor]:
    return {Actor(actor) for actor in transition.actors}


def _reasons_of(transition: Transition) -> set[str]:
    return set(transition.reasons) or REASONS_GIVEN[transition.name]


def test_an_outcome_is_reported_with_a_reason_of_its_own() -> None:
    assert set(report_attempts._DEFAULT_REASONS) == {outcome.value for outcome in Outcome}


@pytest.mark.parametrize("status", list(S))
async def test_a_refused_change_names_what_the_table_allows(
    planted: Service, status: JobStatus
) -> None:
    """The 409 answer lists, by name and in its sentence, what the table leaves to clients."""
    active = status in {S.SCHEDULED, S.RUNNING}
    job_id = await plant(planted.raw, status, held=active)
    allowed = [target.value for target in allowed_to_clients(status)]
    with pytest.raises(IllegalTransition) as refused:
        await planted.operations.change.start_by_hand(job_id, None)
    assert refused.value.facts == {"current": status.value, "allowed": allowed, "version": 7}
    assert all(name in str(refused.value) for name in allowed)
    if active or status in TERMINAL:
        with pytest.raises(IllegalTransition) as refused:
            await planted.operations.change.change(job_id, 7, Change(None, 1, 2, None))
        assert refused.value.facts["allowed"] == allowed
