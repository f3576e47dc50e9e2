"""Secrets blacked out of whatever a call leaves behind: answers that echo them, errors, URLs.

A secret is found as it is and in the forms in which servers send things back: JSON, URL, HTML, base64, hex,
UTF-16. A target that transforms it otherwise knows it anyway, and is not caught.
"""

import base64
import html
import json
import re
from collections.abc import Iterator, Mapping
from urllib.parse import quote, quote_plus, unquote_plus

from pydantic import JsonValue

_SOUGHT_BYTES = 4
_ESCAPED = re.compile(r"\\u([0-9a-fA-F]{4})")


class Redactor:
    """For the secrets of one call, by name. Without any it leaves everything as it is."""

    def __init__(self, secrets: Mapping[str, str]) -> None:
        self._secrets = dict(secrets)
        texts = {form: name for name, value in secrets.items() for form in _forms(value)}
        longest_first = sorted(texts.items(), key=lambda item: -len(item[0]))
        self._texts = [(form, mask(name)) for form, name in longest_first]
        self._shortest = min(map(len, texts), default=0)
        raw = {form.encode(): name for form, name in longest_first}
        raw |= {form: name for name, value in secrets.items() for form in _encoded(value)}
        self._bytes = [(form, mask(name).encode()) for form, name in raw.items()]

    def __bool__(self) -> bool:
        """Whether there is anything to find."""
        return bool(self._secrets)

    def text(self, text: str) -> str:
        """A text without the secrets; nothing of one that hides a secret behind escapes of its own."""
        if not self._secrets or len(text) < self._shortest:
            return text
        for form, masked in self._texts:
            text = text.replace(form, masked)
        hidden = self._hidden_in(text)
        return text if hidden is None else f"[withheld: it holds {mask(hidden)} in another form]"

    def data(self, data: bytes, *, cut: bool) -> bytes:
        """Bytes without the secrets. `cut`: they end where they were cut, perhaps inside a secret, of which
        nothing is left then."""
        for form, masked in self._bytes:
            data = data.replace(form, masked)
        return data[: len(data) - self._begun_at_the_end(data)] if cut else data

    def value(self, value: JsonValue) -> JsonValue:
        """A JSON value without the secrets, the keys of objects included."""
        if not self._secrets:
            return value
        if isinstance(value, str):
            return self.text(value)
        if isinstance(value, list):
            return [self.value(item) for item in value]
        if isinstance(value, dict):
            return {self.text(key): self.value(item) for key, item in value.items()}
        return value

    def _begun_at_the_end(self, data: bytes) -> int:
        """How many bytes at the end may be the beginning of a secret."""
        return max((_overlap(data, form) for form, _ in self._bytes), default=0)

    def _hidden_in(self, text: str) -> str | None:
        """The name of a secret that is there once escapes are undone."""
        if not any(sign in text for sign in "\\%&"):
            return None
        undone = _ESCAPED.sub(lambda m: chr(int(m[1], 16)), text).replace("\\/", "/")
        for plain in (undone, unquote_plus(undone), html.unescape(undone)):
            for name, value in self._secrets.items():
                if value in plain:
                    return name
        return None


def mask(name: str) -> str:
    """What stands in the place of a secret."""
    return f"[secret://{name}]"


def _forms(value: str) -> Iterator[str]:
    """A secret in the forms in which it is sent back as text."""
    yield value
    for ascii_only in (True, False):
        escaped = json.dumps(value, ensure_ascii=ascii_only)[1:-1]
        yield escaped
        yield escaped.replace("/", "\\/")
    yield html.escape(value)
    yield html.escape(value, quote=False)
    for quoted in (quote(value, safe=""), quote(value, safe="/"), quote_plus(value)):
        yield quoted
        yield re.sub("%[0-9A-F]{2}", lambda m: m[0].lower(), quoted)
    data = value.encode()
    yield data.hex()
    yield data.hex().upper()
    for before in range(3):
        yield from _as_base64(data, before)


def _as_base64(data: bytes, before: int) -> Iterator[str]:
    """The letters that depend on the data alone where it stands after `before` bytes (modulo 3) of others."""
    whole = base64.b64encode(bytes(before) + data).decode().rstrip("=")
    first = -(-before * 8 // 6)
    last = (before + len(data)) * 8 // 6
    yield whole[first:last]
    yield whole[first:last].replace("+", "-").replace("/", "_")


def _encoded(value: str) -> Iterator[bytes]:
    """A secret in charsets beside UTF-8."""
    yield value.encode("utf-16-le")
    yield value.encode("utf-16-be")
    if not value.isascii():
        yield value.encode("latin-1", errors="ignore")


def _overlap(data: bytes, form: bytes) -> int:
    """The length of the longest beginning of `form`, but not all of it, that `data` ends with."""
    tail = memoryview(data)[-(len(form) - 1) :]
    whole, seek = memoryview(form), form[:_SOUGHT_BYTES]
    at = data.find(seek, len(data) - len(tail))
    while at >= 0:
        left = len(data) - at
        if tail[len(tail) - left :] == whole[:left]:
            return left
        at = data.find(seek, at + 1)
    return next((n for n in range(_SOUGHT_BYTES - 1, 0, -1) if data.endswith(form[:n])), 0)
