"""Durations in settings: `10s`, `250ms`, `5m`, `2h`, `30d`, or a bare number of seconds."""

import re
from typing import Annotated

from pydantic import BeforeValidator

_UNITS = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3_600.0, "d": 86_400.0}
_FORM = re.compile(r"^\s*(\d+(?:\.\d+)?)\s*(ms|s|m|h|d)?\s*$")


def seconds(value: object) -> float:
    """Read a duration as seconds.

    Raises:
        ValueError: it is none; the text says which forms there are.
    """
    if isinstance(value, int | float) and not isinstance(value, bool):
        if value < 0:
            raise ValueError("a duration is not negative")
        return float(value)
    match = _FORM.match(str(value))
    if match is None:
        raise ValueError(f"{value!r} is no duration; write 15s, 250ms, 5m, 2h, 30d or seconds")
    return float(match[1]) * _UNITS[match[2] or "s"]


Duration = Annotated[float, BeforeValidator(seconds)]
"""A duration in seconds."""
