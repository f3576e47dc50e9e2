"""Each document says what its service answers. `make fuzz` asks much more of the same."""

import random
from collections.abc import Iterator

import pytest

from tests.support.fuzz import SERVICES, fuzz
from tests.support.stacks import RunningStack, running_stack

EXAMPLES = 4
LEAST_CASES = {"job-1": 300, "worker-1": 20, "scheduler-1": 4}


@pytest.fixture(scope="module")
def stack() -> Iterator[RunningStack]:
    """One of its own: it is left with types that are paused and jobs that nobody waits for."""
    with running_stack(workers=1) as running:
        yield running


@pytest.mark.parametrize("service", reversed(SERVICES))
def test_no_answer_is_a_server_error_or_one_that_the_document_does_not_say(
    stack: RunningStack, service: str
) -> None:
    seed = random.randrange(10**9)
    told = fuzz(stack, service, examples=EXAMPLES, seed=seed, phases=("coverage", "fuzzing"))
    print(f"{service}: seed={seed} cases={told.cases}")
    assert told.failures == []
    assert told.cases >= LEAST_CASES[service]
