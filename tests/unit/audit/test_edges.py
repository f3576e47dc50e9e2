"""The audit's own table of states against that of job_service. Two tables are kept on purpose: whoever
changes one has to change the other, and look at the fold (`punctual/audit/life.py`) too."""

from job_service.domain import lifecycle
from punctual.audit import edges
from shared.contracts.states import JobStatus


def test_the_audit_knows_the_same_edges_with_the_same_reasons_and_actors() -> None:
    of_the_service = {
        (edge.source.value, edge.target.value): (
            {actor.value for actor in edge.actors},
            set(edge.reasons),
        )
        for edge in lifecycle.EDGES
    }
    of_the_audit = {pair: (set(e.actors), set(e.reasons)) for pair, e in edges.EDGES.items()}
    assert of_the_audit == of_the_service


def test_the_audit_knows_the_same_terminal_and_unsettled_states() -> None:
    assert {state.value for state in lifecycle.TERMINAL} == edges.TERMINAL
    for state in JobStatus:
        waits = state in edges.UNSETTLED
        assert lifecycle.settled(state, will_retry=False) == (not waits)
