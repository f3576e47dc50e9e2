"""A job type's JSON Schema, and what it says of a payload.

The validator is jsonschema-rs: kept well (releases each month, the official test suite passes, schemathesis
stands on it), wheels without dependencies for every platform of ours, and 0.2 µs for a payload of DUMMY where
jsonschema, the reference in Python, takes 22 µs: at the 12,000 creates a second that are aimed at that is a
quarter of a core. It is kept offline: a `$ref` to an address is no reason to call it.
"""

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import jsonschema_rs

MAX_ERRORS = 20
"""So many errors of one payload are told."""

MAX_MESSAGE_CHARS = 200
"""A message is cut after that: it may show what it is about, and that may be 64 KiB."""

_Kind = jsonschema_rs.ValidationErrorKind
_CHOICES = (_Kind.AnyOf, _Kind.OneOfNotValid)


class NoSchema(Exception):
    """The text is no JSON Schema; the message says why."""


@dataclass(frozen=True)
class PayloadError:
    """`loc` leads to the value, from `payload` on; `msg` says what is wrong with it."""

    loc: tuple[str, ...]
    msg: str


class PayloadSchema:
    """A compiled schema.

    Raises:
        NoSchema: it cannot be compiled.
    """

    def __init__(self, text: str) -> None:
        try:
            self._validator = jsonschema_rs.validator_for(json.loads(text), offline=True)
        except (ValueError, TypeError, RecursionError) as error:
            raise NoSchema(str(error)[:MAX_MESSAGE_CHARS]) from error

    def errors(self, payload: str | None) -> list[PayloadError]:
        """What does not fit in a payload (JSON text), most telling first; none if it fits. No payload fits
        where null does, or where every field has a default."""
        try:
            if payload is not None:
                return self._errors_of(json.loads(payload))
            if self._validator.is_valid(None) or self._validator.is_valid({}):
                return []
            missing = list(self._validator.iter_errors({}))
            return self._errors_of(None if _wrong_kind(missing, ()) else {})
        except (
            ValueError,
            RecursionError,
        ) as error:  # lone surrogates, arrays in arrays in arrays …
            return [PayloadError(("payload",), f"cannot be read: {error}"[:MAX_MESSAGE_CHARS])]

    def _errors_of(self, value: Any) -> list[PayloadError]:
        if self._validator.is_valid(value):
            return []
        told = [
            PayloadError(("payload", *map(str, error.instance_path)), _message(error))
            for found in self._validator.iter_errors(value)
            for error in _telling(found)
        ]
        return list(dict.fromkeys(told))[:MAX_ERRORS]


def _telling(error: jsonschema_rs.ValidationError) -> Iterator[jsonschema_rs.ValidationError]:
    """The errors of the choice that was most likely meant, instead of "none of the choices fits"."""
    if not isinstance(error.kind, _CHOICES):
        yield error
        return
    at = tuple(error.instance_path)
    meant = [branch for branch in error.kind.context if not _wrong_kind(branch, at)]
    if not meant:
        yield error
        return
    for inner in max(meant, key=_nearness):
        yield from _telling(inner)


def _wrong_kind(errors: Sequence[jsonschema_rs.ValidationError], at: tuple[Any, ...]) -> bool:
    """Whether a choice wants something of another type altogether."""
    return any(isinstance(e.kind, _Kind.Type) and tuple(e.instance_path) == at for e in errors)


def _nearness(errors: Sequence[jsonschema_rs.ValidationError]) -> tuple[bool, int, int]:
    """A choice is nearer if no fixed value is another (the tag that tells choices apart), if it fits down to a
    deeper place, and if less is wrong."""
    tagged = not any(isinstance(e.kind, _Kind.Constant | _Kind.Enum) for e in errors)
    depth = max((len(e.instance_path) for e in errors), default=0)
    return tagged, depth, -len(errors)


def _message(error: jsonschema_rs.ValidationError) -> str:
    text = error.message
    if isinstance(error.kind, _CHOICES):
        types = _types(error)
        if types:
            text = f"it must be of type {' or '.join(types)}"
    return text if len(text) <= MAX_MESSAGE_CHARS else f"{text[:MAX_MESSAGE_CHARS]}…"


def _types(error: jsonschema_rs.ValidationError) -> list[str]:
    """The types that a choice of types offers, as far as it is one."""
    assert isinstance(error.kind, _CHOICES)
    found = [
        name
        for branch in error.kind.context
        for inner in branch
        if isinstance(inner.kind, _Kind.Type)
        for name in inner.kind.types
    ]
    return list(dict.fromkeys(found))
