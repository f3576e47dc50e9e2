"""What a handler's call came to, as a value: from its return value or from what it raised."""

import json
from dataclasses import dataclass
from typing import Any

from pydantic import JsonValue, ValidationError

from shared.contracts.reports import MAX_ERROR_CHARS, MAX_RESULT_BYTES
from shared.contracts.states import Outcome
from worker_service.domain.text import clean
from worker_service.handler_api import Fail, Snooze

MAX_WAIT_SECONDS = 31_536_000.0
"""A year: the longest wish for the next try."""
MAX_DEPTH = 100
"""Levels of a result."""
_ENCODER = json.JSONEncoder(allow_nan=False, ensure_ascii=False)


@dataclass(frozen=True, slots=True)
class Ended:
    """An outcome to report. `reason` is the code for history, `size` the result's bytes when
    encoded.
    """

    outcome: Outcome
    reason: str
    result: JsonValue = None
    error: str | None = None
    retry: bool = True
    retry_after_seconds: float | None = None
    size: int = 0


CANCELLED = Ended(Outcome.CANCELLED, "cancelled")


def failed(error: str, *, retry: bool, retry_after_seconds: float | None = None) -> Ended:
    """A failure with a clear text."""
    return Ended(
        Outcome.FAILED,
        "failed",
        error=clean(error, MAX_ERROR_CHARS),
        retry=retry,
        retry_after_seconds=retry_after_seconds,
    )


def timed_out(seconds: float) -> Ended:
    """The handler took longer than its time."""
    return Ended(Outcome.FAILED, "timeout", error=f"the handler took longer than {seconds:g} s")


def from_value(value: Any) -> Ended:
    """A return value is the result, if it is JSON, small enough and fit for a database."""
    try:
        encoded = _ENCODER.encode(value).encode()
        result: JsonValue = json.loads(encoded)
        problem = _unfit(result)
    except (TypeError, ValueError, RecursionError) as error:
        problem, encoded, result = f"is not JSON: {error}", b"", None
    if not problem and len(encoded) > MAX_RESULT_BYTES:
        problem = f"has {len(encoded)} bytes as JSON, at most {MAX_RESULT_BYTES} are kept"
    if problem:
        return failed(f"the handler ended, but its result {problem}", retry=False)
    return Ended(Outcome.SUCCESS, "succeeded", result=result, size=len(encoded))


def _unfit(value: JsonValue, depth: int = 0) -> str:
    if depth > MAX_DEPTH:
        return f"has more than {MAX_DEPTH} levels"
    if isinstance(value, str):
        return "holds a NUL character" if "\0" in value else ""
    if isinstance(value, dict):
        inner: list[JsonValue] = [*value.keys(), *value.values()]
    elif isinstance(value, list):
        inner = value
    else:
        return ""
    return next((problem for item in inner if (problem := _unfit(item, depth + 1))), "")


def from_exception(error: BaseException) -> Ended:
    """What a handler raised, as an outcome."""
    if isinstance(error, Snooze):
        return Ended(Outcome.SNOOZED, "snoozed", retry_after_seconds=_wait(error.seconds))
    if isinstance(error, Fail):
        wish = error.retry_after_seconds
        wait = None if wish is None else _wait(wish)
        return failed(str(error), retry=error.retry, retry_after_seconds=wait)
    return failed(f"{type(error).__name__}: {_text_of(error)}", retry=True)


def bad_payload(error: Exception) -> Ended:
    """The payload does not fit the type's model: another try would not help."""
    if isinstance(error, ValidationError):
        problems = [
            f"{'.'.join(str(part) for part in item['loc']) or 'payload'}: {item['msg']}"
            for item in error.errors(include_url=False, include_input=False, include_context=False)
        ]
        return failed("the payload does not fit the job type: " + "; ".join(problems), retry=False)
    return failed(f"the payload could not be read: {type(error).__name__}: {error}", retry=False)


def _wait(seconds: float) -> float:
    """Within what the wire takes; a wish that is no number is none."""
    return min(max(float(seconds), 0.0), MAX_WAIT_SECONDS) if seconds == seconds else 0.0


def _text_of(error: BaseException) -> str:
    try:
        return str(error)
    except Exception:
        return "(its text cannot be read)"
