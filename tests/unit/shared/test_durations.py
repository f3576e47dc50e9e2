"""Durations as people write them into settings."""

from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import BaseModel, ValidationError

from shared.runtime.durations import Duration, seconds

READ: dict[str | float, float] = {
    "250ms": 0.25,
    "15s": 15,
    "5m": 300,
    "2h": 7_200,
    "30d": 2_592_000,
    "1.5h": 5_400,
    "0": 0,
    "0s": 0,
    "7": 7,
    "2.5": 2.5,
    " 10 s ": 10,
    7: 7,
    0.25: 0.25,
}

REFUSED = ["", " ", "s", "-5s", "+5s", "5 minutes", "5S", "1e3", "1,5s", "5s 5ms", ".5s", "inf"]


class Waits(BaseModel):
    """Has a duration."""

    pause: Duration


@pytest.mark.parametrize(("written", "meant"), READ.items())
def test_every_form_is_read_as_seconds(written: str | float, meant: float) -> None:
    assert seconds(written) == meant
    assert Waits.model_validate({"pause": written}).pause == meant


@pytest.mark.parametrize("written", REFUSED)
def test_anything_else_is_refused_with_the_forms_there_are(written: str) -> None:
    with pytest.raises(ValueError, match="is no duration; write 15s, 250ms, 5m, 2h, 30d or"):
        seconds(written)


@pytest.mark.parametrize("value", [True, None, [5], timedelta(seconds=5)])
def test_what_is_neither_text_nor_a_number_is_refused(value: object) -> None:
    with pytest.raises(ValueError, match="is no duration"):
        seconds(value)


@pytest.mark.parametrize("value", [-1, -0.001])
def test_a_number_below_zero_is_refused(value: float) -> None:
    with pytest.raises(ValueError, match="a duration is not negative"):
        seconds(value)


def test_in_a_model_a_refusal_is_an_error_of_that_field() -> None:
    with pytest.raises(ValidationError) as refused:
        Waits.model_validate({"pause": "soon"})
    (error,) = refused.value.errors()
    assert error["loc"] == ("pause",)
    assert error["msg"].startswith("Value error, 'soon' is no duration")


@given(st.integers(0, 10**9), st.sampled_from([("ms", 1), ("s", 1_000), ("m", 60_000)]))
def test_units_differ_by_their_size_alone(count: int, unit: tuple[str, int]) -> None:
    name, milliseconds = unit
    assert seconds(f"{count}{name}") == pytest.approx(count * milliseconds / 1_000)
