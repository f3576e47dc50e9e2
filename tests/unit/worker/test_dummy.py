"""DUMMY takes nothing, any text, or wishes; it refuses what it does not know."""

from typing import Any

import pytest
from pydantic import ValidationError

from worker_service.handlers.dummy import DummyPayload


@pytest.mark.parametrize("payload", [None, "optional data", "", '{"a": 1}'])
def test_nothing_and_text_mean_two_seconds(payload: Any) -> None:
    assert DummyPayload.model_validate(payload).wishes().sleep_ms == 2_000


def test_wishes() -> None:
    wishes = DummyPayload.model_validate({"sleepMs": 5, "fail": "no", "times": 2}).wishes()
    assert (wishes.sleep_ms, wishes.fail, wishes.times) == (5, "no", 2)


REFUSED = [{"sleep": 1}, {"sleepMs": "x"}, {"sleepMs": -1}, {"sleepMs": 86_400_001}, [1], 7]


@pytest.mark.parametrize("payload", REFUSED)
def test_others_are_refused(payload: Any) -> None:
    with pytest.raises(ValidationError):
        DummyPayload.model_validate(payload)
