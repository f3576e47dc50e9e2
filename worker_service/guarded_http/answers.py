"""What is kept of an answer: a bounded part of its body, in a form that a job's result may have."""

import base64
import json
from collections.abc import AsyncGenerator
from contextlib import aclosing, suppress
from dataclasses import dataclass
from typing import cast

import httpx
from pydantic import JsonValue

MAX_BODY_BYTES = 32_768
"""Of a body: what is read at most, and what is kept at most when written as JSON."""
MAX_JSON_DEPTH = 50
_MAX_BASE64_BYTES = MAX_BODY_BYTES // 4 * 3 - 3
_OLD_CHARSETS = frozenset({"iso-8859-1", "latin-1", "windows-1252"})


@dataclass(frozen=True)
class KeptBody:
    """`kind`: json, text, base64 (neither of them, or compressed unasked), none. `truncated`: there was
    more."""

    kind: str
    value: JsonValue
    truncated: bool


async def read_bounded(answer: httpx.Response) -> tuple[bytes, bool]:
    """The first `MAX_BODY_BYTES` of a body as sent (nothing is decompressed), and whether there were more.

    Raises:
        httpx.TransportError: it broke off.
    """
    data = bytearray()
    async with aclosing(cast(AsyncGenerator[bytes, None], answer.aiter_raw())) as parts:
        async for part in parts:
            data += part
            if len(data) > MAX_BODY_BYTES:
                break
    return bytes(data[:MAX_BODY_BYTES]), len(data) > MAX_BODY_BYTES


def readable(answer: httpx.Response, data: bytes, truncated: bool) -> KeptBody:
    """A body as JSON, text or base64, whichever it is."""
    if not data:
        return KeptBody("none", None, truncated)
    text = None if _is_encoded(answer) else _text(answer, data, truncated)
    if text is None:
        cut = truncated or len(data) > _MAX_BASE64_BYTES
        return KeptBody("base64", base64.b64encode(data[:_MAX_BASE64_BYTES]).decode(), cut)
    if not truncated and _is_json(answer):
        with suppress(ValueError, RecursionError):
            value: JsonValue = json.loads(text)
            if _storable(value):
                return KeptBody("json", value, False)
    text = text.replace("\0", "\ufffd")
    kept = _fitting(text)
    return KeptBody("text", kept, truncated or len(kept) < len(text))


def _is_encoded(answer: httpx.Response) -> bool:
    encoding: str = answer.headers.get("content-encoding", "identity")
    return encoding.strip().lower() != "identity"


def _is_json(answer: httpx.Response) -> bool:
    media_type: str = answer.headers.get("content-type", "").split(";")[0].strip().lower()
    return media_type == "application/json" or media_type.endswith("+json")


def _text(answer: httpx.Response, data: bytes, truncated: bool) -> str | None:
    """The body as text, if it is UTF-8 or says that it is in a charset of old servers."""
    if (answer.charset_encoding or "").lower() in _OLD_CHARSETS:
        return data.decode("windows-1252", errors="replace")
    try:
        return data.decode()
    except UnicodeDecodeError as error:
        cut_inside_a_character = truncated and error.start >= len(data) - 3
        return data[: error.start].decode() if cut_inside_a_character else None


def _storable(value: JsonValue) -> bool:
    """Whether the database takes it: small, shallow, no NUL; a lone surrogate or a NaN raises ValueError."""
    encoded = json.dumps(value, ensure_ascii=False, allow_nan=False).encode()
    small = len(encoded) <= MAX_BODY_BYTES and b"\\u0000" not in encoded
    return small and _depth(value) <= MAX_JSON_DEPTH


def _depth(value: JsonValue) -> int:
    if isinstance(value, dict):
        return 1 + max(map(_depth, value.values()), default=0)
    if isinstance(value, list):
        return 1 + max(map(_depth, value), default=0)
    return 0


def _fitting(text: str) -> str:
    """The longest beginning of a text that takes at most `MAX_BODY_BYTES` as JSON."""
    low, high = 0, len(text)
    while low < high:
        middle = (low + high + 1) // 2
        fits = len(json.dumps(text[:middle], ensure_ascii=False).encode()) <= MAX_BODY_BYTES
        low, high = (middle, high) if fits else (low, middle - 1)
    return text[:low]
