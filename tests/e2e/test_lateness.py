"""Nothing starts early, by the clock of an outside sink. The times are printed, not judged."""

from bench.lateness import machine, measure
from tests.support.sink import listening_sink
from tests.support.stacks import running_stack

JOBS = 300
RATE = 50.0


def test_no_handler_begins_before_its_due_time() -> None:
    """G5, R5: 300 jobs at 50/s, each created at least a second ahead."""
    with running_stack(workers=1) as stack, listening_sink() as sink:
        found = measure(stack, sink, jobs=JOBS, rate=RATE)
    print("\n".join([*found.lines(), f"machine: {machine()}"]))
    assert found.early() == 0
    assert len(found.by_sink) == JOBS
