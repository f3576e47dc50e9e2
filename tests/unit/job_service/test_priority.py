"""Priorities and their bands."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from job_service.domain.priority import BANDS, HIGHEST, LOWEST, band_of

priorities = st.integers(LOWEST, HIGHEST)


@given(priorities, priorities)
def test_a_higher_priority_is_never_in_a_later_band(one: int, other: int) -> None:
    assert band_of(one) in BANDS
    if one >= other:
        assert band_of(one) <= band_of(other)


@pytest.mark.parametrize(
    ("priority", "band"),
    [(100, 0), (61, 0), (60, 1), (21, 1), (20, 2), (0, 2), (-20, 2), (-21, 3), (-60, 3), (-61, 4)],
)
def test_the_bands_lie_where_they_should(priority: int, band: int) -> None:
    assert band_of(priority) == band
    assert band_of(LOWEST) == 4


@pytest.mark.parametrize("priority", [LOWEST - 1, HIGHEST + 1])
def test_what_is_out_of_range_is_refused(priority: int) -> None:
    with pytest.raises(ValueError, match=str(priority)):
        band_of(priority)
