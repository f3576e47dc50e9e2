"""What is kept of an answer: a bounded part of its body, in a form that a job's result may have."""

import base64
import json
from collections.abc import AsyncGenerator
from contextlib import aclosing, suppress
from dataclasses import dataclass
from typing import cast

import httpx
from pydantic import JsonValue

from worker_service.guarded_http.redaction import Redactor
from worker_service.guarded_http.unpacking import NotPacked, unpacker_of

MAX_BODY_BYTES = 32_768
"""Of a body, unless a caller says otherwise: what is read at most, and what is kept at most when written as
JSON."""
MAX_JSON_DEPTH = 50
_OLD_CHARSETS = frozenset({"iso-8859-1", "latin-1", "windows-1252"})
_NOTHING_SECRET = Redactor({})


@dataclass(frozen=True)
class KeptBody:
    """`kind`: json, text, base64 (neither of them, or compressed in a way that is not undone), none, or
    withheld (it may hold a secret, and cannot be read to see). `truncated`: there was more."""

    kind: str
    value: JsonValue
    truncated: bool


@dataclass(frozen=True)
class ReadBody:
    """What was read of a body. `plain`: it is not compressed, or no more. `truncated`: there was more."""

    data: bytes
    plain: bool
    truncated: bool


async def read_bounded(
    answer: httpx.Response, max_bytes: int = MAX_BODY_BYTES
) -> tuple[bytes, bool]:
    """The first `max_bytes` of a body as sent (nothing is decompressed), and whether there were more.

    Raises:
        httpx.TransportError: it broke off.
    """
    data = bytearray()
    async with aclosing(cast(AsyncGenerator[bytes, None], answer.aiter_raw())) as parts:
        async for part in parts:
            data += part
            if len(data) > max_bytes:
                break
    return bytes(data[:max_bytes]), len(data) > max_bytes


async def read_unpacked(answer: httpx.Response, max_bytes: int) -> ReadBody:
    """The first `max_bytes` of a body, decompressed where it is gzip or deflate. What a small answer unpacks to
    is never held beyond that.

    Raises:
        httpx.TransportError: it broke off, or is not what it says it is.
    """
    unpacker = unpacker_of(answer.headers.get("content-encoding", ""))
    if unpacker is None:
        data, truncated = await read_bounded(answer, max_bytes)
        return ReadBody(data, not _is_encoded(answer), truncated)
    unpacked = bytearray()
    async with aclosing(cast(AsyncGenerator[bytes, None], answer.aiter_raw())) as parts:
        async for part in parts:
            try:
                unpacked += unpacker.unpack(part, max_bytes + 1 - len(unpacked))
            except NotPacked as error:
                raise httpx.RemoteProtocolError(f"the body cannot be read: {error}") from None
            if len(unpacked) > max_bytes:
                break
    return ReadBody(bytes(unpacked[:max_bytes]), True, len(unpacked) > max_bytes)


def readable(answer: httpx.Response, data: bytes, truncated: bool) -> KeptBody:
    """A body as JSON, text or base64, whichever it is."""
    return kept_body(answer, ReadBody(data, not _is_encoded(answer), truncated))


def kept_body(
    answer: httpx.Response,
    body: ReadBody,
    *,
    max_bytes: int = MAX_BODY_BYTES,
    redactor: Redactor = _NOTHING_SECRET,
) -> KeptBody:
    """The same of a body that may have been decompressed, without the secrets of `redactor`; of it at most
    `max_bytes` when written as JSON."""
    if redactor and not body.plain:
        return KeptBody("withheld", None, body.truncated)
    data = redactor.data(body.data, cut=body.truncated)
    if not data:
        return KeptBody("none", None, body.truncated)
    text = _text(answer, data, body.truncated) if body.plain else None
    if text is None:
        most = max_bytes // 4 * 3 - 3
        kept_bytes = base64.b64encode(data[:most]).decode()
        return KeptBody("base64", kept_bytes, body.truncated or len(data) > most)
    if not body.truncated and _is_json(answer):
        with suppress(ValueError, RecursionError):
            value = redactor.value(json.loads(text))
            if _storable(value, max_bytes):
                return KeptBody("json", value, False)
    text = redactor.text(text.replace("\0", "\ufffd"))
    kept = _fitting(text, max_bytes)
    return KeptBody("text", kept, body.truncated or len(kept) < len(text))


def _is_encoded(answer: httpx.Response) -> bool:
    encoding: str = answer.headers.get("content-encoding", "identity")
    return encoding.strip().lower() not in ("", "identity")


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


def _storable(value: JsonValue, max_bytes: int) -> bool:
    """Whether the database takes it: small, shallow, no NUL; a lone surrogate or a NaN raises ValueError."""
    encoded = json.dumps(value, ensure_ascii=False, allow_nan=False).encode()
    small = len(encoded) <= max_bytes and b"\\u0000" not in encoded
    return small and _depth(value) <= MAX_JSON_DEPTH


def _depth(value: JsonValue) -> int:
    if isinstance(value, dict):
        return 1 + max(map(_depth, value.values()), default=0)
    if isinstance(value, list):
        return 1 + max(map(_depth, value), default=0)
    return 0


def _fitting(text: str, max_bytes: int) -> str:
    """The longest beginning of a text that takes at most `max_bytes` as JSON."""
    low, high = 0, len(text)
    while low < high:
        middle = (low + high + 1) // 2
        fits = len(json.dumps(text[:middle], ensure_ascii=False).encode()) <= max_bytes
        low, high = (middle, high) if fits else (low, middle - 1)
    return text[:low]
