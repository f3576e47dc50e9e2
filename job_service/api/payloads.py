"""What a payload may be: any JSON value that every part of Punctual can carry."""

import json
from typing import Any

from pydantic_core import from_json

from job_service.operations.problems import Invalid

MAX_PAYLOAD_BYTES = 65_536
MAX_DEPTH = 64
"""Levels of nesting. Parsers on the way (worker, feed) stop at 200, the envelopes around it included."""

MAX_DIGITS = 309
"""Digits of a number, as in the largest double written out: PostgreSQL writes 1e308 with all its zeros."""

_STRICT = json.JSONEncoder(allow_nan=False)

_PLAIN_FROM, _PLAIN_BELOW = 1e-6, 1e16
"""Python writes a number with an exponent outside of these."""


def payload_text(value: Any) -> str | None:
    """A payload as JSON text. A string that holds a JSON object is that object (the reference system's form).

    Raises:
        Invalid: it is too large, too deep, or holds what JSON or PostgreSQL does not know.
    """
    if value is None:
        return None
    value = _unwrapped(value)
    more_bytes = _check(value, 1)
    try:
        text = _STRICT.encode(value)
    except ValueError:
        raise Invalid("payload", "NaN and Infinity are no JSON") from None
    if len(text.encode()) + more_bytes > MAX_PAYLOAD_BYTES:
        raise Invalid("payload", f"larger than {MAX_PAYLOAD_BYTES} bytes; send a reference")
    return text


def payload_as_string(value: Any) -> str | None:
    """The string that a payload came in, as JSON text, where `payload_text` took the object that it holds."""
    if not isinstance(value, str) or not isinstance(_unwrapped(value), dict):
        return None
    text = json.dumps(value)
    return text if len(text) <= MAX_PAYLOAD_BYTES else None


def storable(text: str) -> str:
    """The text, if PostgreSQL can keep it.

    Raises:
        ValueError: it holds a NUL character or half of a surrogate pair.
    """
    if "\x00" in text:
        raise ValueError("NUL characters cannot be stored; leave them out")
    if not text.isascii() and any("\ud800" <= char <= "\udfff" for char in text):
        raise ValueError("half a surrogate pair is no character; leave it out")
    return text


def _unwrapped(value: Any) -> Any:
    if not isinstance(value, str) or not value.lstrip().startswith("{"):
        return value
    try:
        inside = from_json(value)
    except ValueError:
        return value
    return inside if isinstance(inside, dict) else value


def _check(value: Any, depth: int) -> int:
    """Refuse what cannot be kept; how many bytes more than its JSON it takes when it is written out."""
    if isinstance(value, str):
        _check_text(value)
        return 0
    if isinstance(value, dict | list):
        if depth > MAX_DEPTH:
            raise Invalid("payload", f"nested deeper than {MAX_DEPTH}; make it flatter")
        if isinstance(value, list):
            return sum(_check(item, depth + 1) for item in value)
        for key in value:
            _check_text(key)
        return sum(_check(item, depth + 1) for item in value.values())
    if isinstance(value, float) and value and not _PLAIN_FROM <= abs(value) < _PLAIN_BELOW:
        return MAX_DIGITS
    if isinstance(value, int) and abs(value) >= 10**MAX_DIGITS:
        raise Invalid("payload", f"a number of more than {MAX_DIGITS} digits; send it as a string")
    return 0


def _check_text(text: str) -> None:
    try:
        storable(text)
    except ValueError as error:
        raise Invalid("payload", str(error)) from None
