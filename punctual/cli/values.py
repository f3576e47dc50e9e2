"""What a person writes, read: times, durations, labels, payloads, ids.

Every function raises `BadInput` with what to write instead.
"""

import json
import re
from collections.abc import Callable, Iterable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, NoReturn, TextIO
from urllib.parse import quote
from uuid import UUID

from punctual.cli.problems import BadInput

MAX_PAYLOAD_CHARS = 1_048_576
"""The most that one request may carry; more is not even read, so that `@/dev/zero` ends."""
MAX_KEY_CHARS = 255

_DATE_ONLY = re.compile(r"\d{4}-\d{2}-\d{2}", re.ASCII)


def arguments_in_utf8(words: list[str]) -> list[str]:
    """The words, none of which holds bytes that are no UTF-8."""
    for word in words:
        if not word.isascii() and any("\ud800" <= c <= "\udfff" for c in word):
            raise BadInput(f"{word!r} is not UTF-8: write it in UTF-8.")
    return words


def duration(text: str) -> float:
    """`250ms`, `10s`, `5m`, `2h`, `30d`, or a bare number of seconds, as seconds."""
    # Not at the top: it stands on pydantic, which most verbs need not wait for.
    from shared.runtime.durations import seconds

    try:
        return seconds(text)
    except ValueError as error:
        raise BadInput(f"{error}.") from None


def moment(text: str) -> str:
    """A time as the API takes it. Without a zone it is UTC, as everywhere in Punctual."""
    text = text.strip()
    if _DATE_ONLY.fullmatch(text):
        raise BadInput(f"{text} is a date and no time: write {text}T10:00:00Z.")
    try:
        found = datetime.fromisoformat(text)
        return rfc3339(found.replace(tzinfo=UTC) if found.tzinfo is None else found)
    except (ValueError, OverflowError):
        example = "2026-11-21T10:00:00Z, or with a zone 2026-11-21T10:00:00+01:00"
        raise BadInput(f"{text!r} is no time: write it like {example}.") from None


def due_time(at: str | None, after: str | None, now: datetime) -> str | None:
    """When a job is due by `--at` or `--in`; None, which is now, without either."""
    if at is not None and after is not None:
        raise BadInput("--at and --in say the same thing twice: give one of them.")
    if at is not None:
        return moment(at)
    if after is None:
        return None
    try:
        return rfc3339(now + timedelta(seconds=duration(after)))
    except OverflowError:
        raise BadInput(f"--in {after} is too far away for a time: write less.") from None


def rfc3339(found: datetime) -> str:
    """UTC with milliseconds."""
    return found.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def labels(pairs: Iterable[str]) -> dict[str, str]:
    """`k=v` for each; a key may come once."""
    found: dict[str, str] = {}
    for pair in pairs:
        key, sign, value = pair.partition("=")
        if not (key and sign and value):
            raise BadInput(f"{pair!r} is no label: write --label key=value.")
        if key in found:
            raise BadInput(f"the label {key!r} is given twice: a key has one value.")
        found[key] = value
    return found


def payload(text: str | None, stdin: TextIO) -> Any:
    """JSON as it is written, from a file (`@file`), or from standard input (`-`)."""
    if text is None:
        return None
    if text == "-":
        return _json(_at_most(stdin, "standard input"), "standard input")
    if text.startswith("@"):
        name = text[1:]
        try:
            with Path(name).open(encoding="utf-8") as file:
                return _json(_at_most(file, name), name)
        except OSError as error:
            raise BadInput(f"--payload {text} cannot be read: {error.strerror}.") from None
    return _json(text, "--payload")


def job_id(text: str) -> str:
    """A job's id in the form that the API writes."""
    try:
        return str(UUID(text))
    except ValueError:
        raise BadInput(
            f"{text!r} is no job id: it looks like 019a9b1c-0d6e-7c3f-a2b4-5d6e7f809102,"
            " and punctual job list shows them."
        ) from None


def type_path(name: str) -> str:
    """Where a job type stands."""
    return f"/api/v1/job-types/{quote(name, safe='')}"


def key(text: str | None, make: Callable[[], str]) -> str:
    """The idempotency key that was given, or a new one."""
    if text is None:
        return make()
    if not (text.isascii() and text.isprintable() and 0 < len(text.strip()) == len(text)):
        raise BadInput(f"--key {text!r}: write a key of printable ASCII characters.")
    if len(text) > MAX_KEY_CHARS:
        raise BadInput(f"--key has {len(text)} characters: write at most {MAX_KEY_CHARS}.")
    return text


def _at_most(file: TextIO, name: str) -> str:
    try:
        text = file.read(MAX_PAYLOAD_CHARS + 1)
    except UnicodeDecodeError:
        raise BadInput(f"{name} is not UTF-8, so it is no JSON.") from None
    if len(text) > MAX_PAYLOAD_CHARS:
        raise BadInput(f"{name} is larger than a payload may be: send a reference instead.")
    return text


def _json(text: str, where: str) -> Any:
    try:
        return json.loads(text, parse_constant=_no_constant)
    except RecursionError:
        raise BadInput(f"{where} is nested too deeply to be a payload.") from None
    except ValueError as error:
        hint = "" if len(text) > 200 else f" A text needs quotes of its own: '{json.dumps(text)}'."
        raise BadInput(f"{where} is no JSON: {error}.{hint}") from None


def _no_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is none")
