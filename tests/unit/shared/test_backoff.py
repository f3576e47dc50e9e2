"""Full jitter: uniform between nothing and a bound that doubles up to a cap."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.kernel.backoff import full_jitter

positive = st.floats(0.001, 1e6)


def wait(attempt: int, *, uniform: float) -> float:
    return full_jitter(attempt, base_seconds=1.0, cap_seconds=300.0, uniform=uniform)


@given(
    attempt=st.integers(1, 1_000_000),
    base=positive,
    cap=positive,
    uniform=st.floats(0, 1, exclude_max=True),
)
def test_the_wait_lies_between_nothing_and_the_bound(
    attempt: int, base: float, cap: float, uniform: float
) -> None:
    seconds = full_jitter(attempt, base_seconds=base, cap_seconds=cap, uniform=uniform)
    bound = min(cap, base * 2.0 ** min(attempt - 1, 100))
    assert 0 <= seconds <= bound
    assert seconds == pytest.approx(bound * uniform)


def test_the_bound_doubles_from_the_base_to_the_cap() -> None:
    bounds = [2 * wait(attempt, uniform=0.5) for attempt in range(1, 12)]
    assert bounds == [1, 2, 4, 8, 16, 32, 64, 128, 256, 300, 300]


def test_the_whole_range_is_used() -> None:
    assert [wait(3, uniform=u) for u in (0.0, 0.25, 0.75)] == [0, 1, 3]


@pytest.mark.parametrize("attempt", [0, -1])
def test_there_is_no_wait_before_the_first_failure(attempt: int) -> None:
    with pytest.raises(ValueError, match="starts at the first failure"):
        wait(attempt, uniform=0.5)
