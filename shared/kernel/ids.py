"""Identifiers. Every id of Punctual is a UUIDv7: ordered by time, made without asking anybody."""

from uuid import UUID

import uuid_utils


def new_id() -> UUID:
    """A fresh UUIDv7 (48 bits of wall-clock milliseconds, then random bits)."""
    return UUID(bytes=uuid_utils.uuid7().bytes)


def first_id_of(unix_ms: int) -> UUID:
    """The smallest UUIDv7 of that millisecond: a lower bound for ranges of ids by time.

    `unix_ms` is milliseconds since 1970 UTC, 0 to 2^48 - 1.
    """
    if not 0 <= unix_ms < 1 << 48:
        raise ValueError(f"milliseconds of a UUIDv7 are 0 to 2^48-1, not {unix_ms}")
    return UUID(int=unix_ms << 80)
