"""The table of states, and everything that is written from it (DESIGN section 3)."""

import pytest

from job_service.domain.lifecycle import (
    BY_PAIR,
    EDGES,
    TERMINAL,
    Actor,
    allowed_from,
    settled,
)
from shared.contracts.states import JobStatus
from tests.support.state_docs import PAGE, page


def test_the_page_on_states_is_what_the_table_says() -> None:
    assert PAGE.read_text() == page(), "run: python -m tests.support.state_docs --write"


def test_a_pair_of_states_stands_in_the_table_once() -> None:
    assert len(BY_PAIR) == len(EDGES)


def test_nothing_leaves_a_terminal_state_and_everything_else_can_be_left() -> None:
    assert {edge.source for edge in EDGES} == set(JobStatus) - TERMINAL
    assert all(allowed_from(status) for status in set(JobStatus) - TERMINAL)


def test_every_state_is_reached_from_created_and_reaches_a_terminal_one() -> None:
    assert _reached({JobStatus.CREATED}) == set(JobStatus)
    for status in JobStatus:
        assert _reached({status}) & TERMINAL


def test_each_edge_says_who_takes_it_and_why() -> None:
    for edge in EDGES:
        assert edge.actors, edge
        assert edge.reasons, edge
        assert edge.cause, edge
        assert len(set(edge.actors)) == len(edge.actors), edge
        assert len(set(edge.reasons)) == len(edge.reasons), edge


def test_only_outside_executors_and_clients_act_by_hand() -> None:
    """R17: a by-hand reason stands only where a client or an outside executor may act."""
    for edge in EDGES:
        if "by-hand" in edge.reasons:
            assert {Actor.CLIENT, Actor.OUTSIDE} & set(edge.actors), edge


@pytest.mark.parametrize("status", list(JobStatus))
def test_settled_means_that_nothing_will_move_it_by_itself(status: JobStatus) -> None:
    letters = {JobStatus.STOPPED, JobStatus.FAILED}
    assert settled(status, will_retry=False) == (status in TERMINAL | letters)
    assert settled(status, will_retry=True) == (status in TERMINAL | {JobStatus.STOPPED})


def _reached(states: set[JobStatus]) -> set[JobStatus]:
    """These and all that follow from them."""
    while True:
        further = states | {target for source in states for target in allowed_from(source)}
        if further == states:
            return states
        states = further
