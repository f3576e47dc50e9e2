"""Cancels of jobs that run, that are held, and that may be anywhere (Show 5 of issue 4). The times are printed,
not judged: `python -m bench.cancel --jobs 1000` measures them."""

from bench.cancel import ENV, measure
from bench.lateness import machine
from tests.support.sink import listening_sink
from tests.support.stacks import running_stack

JOBS = 300


def test_every_cancelled_job_ends_as_its_history_says() -> None:
    """R20: every handler that runs hears of it, and nothing that was answered 200 ever starts."""
    with running_stack(workers=1, env=ENV) as stack, listening_sink() as sink:
        found = measure(stack, sink, jobs=JOBS)
    print("\n".join([*found.lines(), f"machine: {machine()}"]))
    assert found.broken == []
    assert len(found.to_handler) == JOBS // 3
