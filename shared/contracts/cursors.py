"""Cursors of lists: opaque to clients, and bound to the list that they continue."""

import binascii
from base64 import urlsafe_b64decode, urlsafe_b64encode
from hashlib import sha256
from uuid import UUID

MAX_CURSOR_CHARS = 100
"""Longer texts are refused before they are read."""

_CHECK_BYTES = 8


def cursor_at(position: UUID, wish: bytes) -> str:
    """The cursor that continues a list after `position`. `wish` is what the list was narrowed to."""
    return urlsafe_b64encode(position.bytes + _check(wish)).decode()


def position_of(cursor: str, wish: bytes) -> UUID:
    """Where the list goes on.

    Raises:
        ValueError: it is no cursor, or one of another list.
    """
    try:
        raw = urlsafe_b64decode(cursor.encode("ascii"))
    except (UnicodeEncodeError, binascii.Error):
        raw = b""
    if len(raw) != 16 + _CHECK_BYTES:
        raise ValueError("no cursor of ours; take nextCursor of the page before, as it is")
    if raw[16:] != _check(wish):
        raise ValueError("a cursor of another list; keep the filters, or begin without a cursor")
    return UUID(bytes=raw[:16])


def _check(wish: bytes) -> bytes:
    return sha256(wish).digest()[:_CHECK_BYTES]
