"""What a handler's call came to, as a value: from its return value or from what it raised."""

import json
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from pydantic import JsonValue, ValidationError

from shared.contracts.reports import MAX_ERROR_CHARS, MAX_RESULT_BYTES
from shared.contracts.states import Outcome
from worker_service.domain.text import clean
from worker_service.handler_api import Fail, Retry, RetryPolicy, Snooze

MAX_DEPTH = 100
"""Levels of a result."""
_ENCODER = json.JSONEncoder(allow_nan=False, ensure_ascii=False)


@dataclass(frozen=True, slots=True)
class Ended:
    """An outcome to report. `reason` is the code for history, `size` the result's bytes when encoded."""

    outcome: Outcome
    reason: str
    result: JsonValue = None
    error: str | None = None
    retry: bool = True
    retry_after_seconds: float | None = None
    size: int = 0


CANCELLED = Ended(Outcome.CANCELLED, "cancelled")


def failed_for_good(error: str) -> Ended:
    """A failure after which no further try would help."""
    return Ended(
        Outcome.FAILED, "failed-for-good", error=clean(error, MAX_ERROR_CHARS), retry=False
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
        return failed_for_good(f"the handler ended, but its result {problem}")
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


def from_exception(
    error: BaseException, policy: RetryPolicy, *, failures: int, uniform: float, now: datetime
) -> Ended:
    """What a handler raised, as an outcome. `failures`: how many the job had before; `uniform`: a random number
    of [0, 1); `now`: by the database clock."""
    if isinstance(error, Snooze):
        return Ended(Outcome.SNOOZED, "snoozed", retry_after_seconds=error.seconds_from(now))
    text = _text_of(error)
    if not isinstance(error, Fail):
        text = f"{type(error).__name__}: {text}"
    if (isinstance(error, Fail) and error.permanent) or not policy.again(error):
        return failed_for_good(text)
    wait = error.retry_after_seconds if isinstance(error, Fail) else None
    if wait is None:
        wait = policy.seconds(error, failures, uniform)
    return Ended(
        Outcome.FAILED,
        "retry-asked" if isinstance(error, Retry) else "failed",
        error=clean(text, MAX_ERROR_CHARS),
        retry_after_seconds=wait,
    )


def bad_payload(error: Exception) -> Ended:
    """The payload does not fit the type's model: another try would not help."""
    if isinstance(error, ValidationError):
        problems = [
            f"{'.'.join(str(part) for part in item['loc']) or 'payload'}: {item['msg']}"
            for item in error.errors(include_url=False, include_input=False, include_context=False)
        ]
        return failed_for_good("the payload does not fit the job type: " + "; ".join(problems))
    return failed_for_good(f"the payload could not be read: {type(error).__name__}: {error}")


def _text_of(error: BaseException) -> str:
    try:
        return str(error)
    except Exception:
        return "(its text cannot be read)"
